"""Seeds in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
import shlex
import stat
from pathlib import Path

from qcot.crypto.problems import KEY_FILE_BAD, KEY_FILE_EXISTS, KEY_FILE_IO, KEY_FILE_MISSING, KEY_FILE_MODE
from qcot.crypto.signing import SEED_SIZE
from qcot.errors import Problem, QcotError

_MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create(path: Path, seed: bytes | None = None) -> bytes:
    """Write a new 32-byte seed (random unless given) to ``path``, on disk with its folder entry; return it.

    Never overwrites: raises `key-file-exists`; a write that fails raises `key-file-io` and leaves no file.
    """
    seed = secrets.token_bytes(SEED_SIZE) if seed is None else seed
    if len(seed) != SEED_SIZE:
        raise QcotError(KEY_FILE_BAD, f"seed of {len(seed)} bytes, {SEED_SIZE} are needed")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
    except FileExistsError as error:
        raise QcotError(KEY_FILE_EXISTS, f"{path} is there already") from error
    except OSError as error:
        raise QcotError(KEY_FILE_IO, f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(seed)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise QcotError(KEY_FILE_IO, f"{path}: {error.strerror}") from error
    return seed


def load(path: Path) -> bytes:
    """Read the seed in ``path``; raises `key-file-missing`, `key-file-mode`, `key-file-bad` or `key-file-io`."""
    try:
        # Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())  # of what was opened: no time between check and use
            if not stat.S_ISREG(status.st_mode):
                raise QcotError(KEY_FILE_BAD, f"{path} is not a plain file")
            if status.st_mode & _OTHERS:
                mode = stat.S_IMODE(status.st_mode)
                remedy = Problem(KEY_FILE_MODE.name, f"{KEY_FILE_MODE.remedy} {shlex.quote(str(path))}")
                raise QcotError(remedy, f"others can read {path} (mode {mode:04o})")
            seed = file.read(SEED_SIZE + 1)
    except FileNotFoundError as error:
        raise QcotError(KEY_FILE_MISSING, f"{path} is not there") from error
    except OSError as error:
        raise QcotError(KEY_FILE_BAD, f"{path}: {error.strerror}") from error
    if len(seed) != SEED_SIZE:
        size = "more than 32" if len(seed) > SEED_SIZE else str(len(seed))
        raise QcotError(KEY_FILE_BAD, f"{path} holds {size} bytes")
    return seed


def sync_folder(folder: Path) -> None:
    """Make the entries of ``folder`` durable: a file is not safe before its name is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
