"""Secrets in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
import shlex
import stat
from pathlib import Path

from qcot.crypto.problems import (
    KEY_FILE_BAD,
    KEY_FILE_EXISTS,
    KEY_FILE_IO,
    KEY_FILE_MISSING,
    KEY_FILE_MODE,
    KEY_FILE_UNREADABLE,
)
from qcot.crypto.signing import SEED_SIZE
from qcot.errors import Problem, QcotError

_MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create(path: Path, secret: bytes | None = None) -> bytes:
    """Write a new ``secret`` (32 random bytes unless given) to ``path``, on disk with its folder entry; return it.

    Never overwrites: raises `key-file-exists`; a write that fails raises `key-file-io` and leaves no file.
    """
    secret = secrets.token_bytes(SEED_SIZE) if secret is None else secret
    if not secret:
        raise QcotError(KEY_FILE_BAD, f"no bytes to write to {path}")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
    except FileExistsError as error:
        raise QcotError(KEY_FILE_EXISTS, f"{path} is there already") from error
    except OSError as error:
        raise QcotError(KEY_FILE_IO, f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise QcotError(KEY_FILE_IO, f"{path}: {error.strerror}") from error
    return secret


def load(path: Path, size: int = SEED_SIZE, *, credential: str | None = None) -> bytes:
    """Read the secret of ``size`` bytes in ``path``, or in the systemd ``credential`` that stands for it.

    That is looked for first, in the folder that systemd names in CREDENTIALS_DIRECTORY (systemd.exec(5)). None has
    none: a name is for one secret, never for every file that is called alike. Raises `key-file-missing`,
    `key-file-mode`, `key-file-unreadable`, `key-file-bad`.
    """
    given = None if credential is None else find_credential(credential)
    # systemd lets a service's user read it by an ACL, which shows as a right of the group, in a folder of its own.
    return _read(path, size, _OTHERS) if given is None else _read(given, size, stat.S_IRWXO)


def find_credential(name: str) -> Path | None:
    """Where this process has the systemd credential ``name``, if it was given one."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    found = Path(folder) / name if folder else None
    return found if found is not None and os.path.lexists(found) else None


def _read(path: Path, size: int, forbidden: int) -> bytes:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())  # of what was opened: no time between check and use
            if not stat.S_ISREG(status.st_mode):
                raise QcotError(KEY_FILE_BAD, f"{path} is not a plain file")
            if status.st_mode & forbidden:
                mode = stat.S_IMODE(status.st_mode)
                remedy = Problem(KEY_FILE_MODE.name, f"{KEY_FILE_MODE.remedy} {shlex.quote(str(path))}")
                raise QcotError(remedy, f"others can read {path} (mode {mode:04o})")
            secret = file.read(size + 1)
    except FileNotFoundError as error:
        raise QcotError(KEY_FILE_MISSING, f"{path} is not there") from error
    except PermissionError as error:
        raise QcotError(KEY_FILE_UNREADABLE, f"{path}: {error.strerror}") from error
    except OSError as error:
        raise QcotError(KEY_FILE_BAD, f"{path}: {error.strerror}") from error
    if len(secret) != size:
        held = f"more than {size}" if len(secret) > size else str(len(secret))
        raise QcotError(KEY_FILE_BAD, f"{path} holds {held} bytes, {size} are needed")
    return secret


def sync_folder(folder: Path) -> None:
    """Make the entries of ``folder`` durable: a file is not safe before its name is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
