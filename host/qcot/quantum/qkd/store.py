"""Keys that are used once. On disk: one SQLite file, for its owner's eyes only.

A key is marked used and its secret is overwritten before its holder gets it; only then does `take` return. A process
that is killed at any time has at worst lost the key that it was about to use: no key is ever handed out twice.

SQLite's rollback journal holds the old page until a commit deletes it. So synchronous=EXTRA (which is FULL, and
syncs the folder after the journal's deletion): without it, a power cut could bring the journal back and undo a `take`.
SQLite plays back whatever journal it finds beside the file's name. So nobody else may make files in the folder, sticky
or not, and the file may have one name: a journal under the other would be missed, and played back later.

Erased means in every file: what a disk keeps of blocks that no file has any more is beyond this.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from qcot.crypto.keyfile import sync_folder
from qcot.database import transaction
from qcot.errors import QcotError
from qcot.quantum.qkd.problems import (
    KEY_EXHAUSTED,
    KEY_KNOWN,
    KEY_SIZE,
    KEY_STORE_BUSY,
    KEY_STORE_DAMAGED,
    KEY_STORE_IO,
    KEY_STORE_MISSING,
    KEY_STORE_OPEN,
    KEY_UNKNOWN,
    KEY_USED,
)

KEY_SIZE_BYTES = 32
_MODE = 0o600
_FOLDER_MODE = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_BUSY_SECONDS = 30.0
_APPLICATION = 0x51434B53  # "QCKS"
# A used key keeps its id, and 32 zero bytes for its secret: a row of the same size is overwritten where it stands.
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = 1;
CREATE TABLE key (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    used INTEGER NOT NULL DEFAULT 0 CHECK (used IN (0, 1)), secret BLOB NOT NULL CHECK (length(secret) = 32)) STRICT;
CREATE INDEX unused ON key (number) WHERE used = 0;
"""
_PROBLEMS = {
    sqlite3.SQLITE_BUSY: KEY_STORE_BUSY,
    sqlite3.SQLITE_LOCKED: KEY_STORE_BUSY,
    sqlite3.SQLITE_CORRUPT: KEY_STORE_DAMAGED,
    sqlite3.SQLITE_NOTADB: KEY_STORE_DAMAGED,
    sqlite3.SQLITE_ERROR: KEY_STORE_DAMAGED,  # "no such table": our statements are fixed, so the file is not ours
}


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of 32 bytes under the id that both ends know it by."""

    id: uuid.UUID
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_SIZE_BYTES:
            raise QcotError(KEY_SIZE, f"key {self.id} has {len(self.secret)} bytes, {KEY_SIZE_BYTES} are needed")


class KeySource(Protocol):
    """Whence keys are taken, each once."""

    def take(self) -> Key:
        """The oldest unused key; raises `key-exhausted`."""

    def take_by_id(self, key_id: uuid.UUID, /) -> Key:
        """The key that the other end took; raises `key-used` or `key-unknown`."""


class MemoryKeys:
    """Keys of a simulation, gone with the process. Safe for threads."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._lock = threading.Lock()
        self._unused: OrderedDict[uuid.UUID, Key] = OrderedDict()
        self._used: set[uuid.UUID] = set()
        self.add(keys)

    def add(self, keys: Iterable[Key]) -> None:
        """Add all or, where an id is known, none; raises `key-known`."""
        with self._lock:
            new = OrderedDict[uuid.UUID, Key]()
            for key in keys:
                if key.id in self._unused or key.id in self._used or key.id in new:
                    raise QcotError(KEY_KNOWN, f"key {key.id} was added before")
                new[key.id] = key
            self._unused.update(new)

    def available(self) -> int:
        """How many keys are unused."""
        with self._lock:
            return len(self._unused)

    def take(self) -> Key:
        """The oldest unused key; raises `key-exhausted`."""
        with self._lock:
            if not self._unused:
                raise QcotError(KEY_EXHAUSTED, "no unused key is left")
            key_id, key = self._unused.popitem(last=False)
            self._used.add(key_id)
            return key

    def take_by_id(self, key_id: uuid.UUID, /) -> Key:
        """The key of this id; raises `key-used` or `key-unknown`."""
        with self._lock:
            if key_id in self._used:
                raise QcotError(KEY_USED, f"key {key_id} was used before")
            if key_id not in self._unused:
                raise QcotError(KEY_UNKNOWN, f"key {key_id} was never here")
            self._used.add(key_id)
            return self._unused.pop(key_id)


class KeyStore:
    """The keys of one end in the file at ``path``; safe for threads and for several processes (open it after a fork).

    ``create`` makes the file, and its folder, where they are missing. Raises QcotError `key-store-...`.
    """

    def __init__(self, path: Path | str, create: bool = True) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        with self._named():
            if create and not self._path.exists():
                self._create()
            self._require_private()
            self._db = _connect(self._path)
        try:
            with self._named():
                self._require_ours()
        except QcotError:
            self._db.close()
            raise

    def _create(self) -> None:
        """Make the file whole under another name first: an empty one under this name was cut off."""
        folder = self._path.parent
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        new = folder / f".{self._path.name}.{uuid.uuid4().hex}"
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE))
        try:
            with contextlib.closing(_connect(new)) as db:
                db.executescript(_SCHEMA)
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(new, self._path)
        finally:
            new.unlink(missing_ok=True)
        sync_folder(folder)

    def _require_private(self) -> None:
        status = self._path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise QcotError(KEY_STORE_DAMAGED, f"{self._path} is not a plain file")
        if status.st_mode & _OTHERS or status.st_uid != os.geteuid():
            whose = f"mode {stat.S_IMODE(status.st_mode):04o}, of user {status.st_uid}"
            raise QcotError(KEY_STORE_OPEN, f"others can reach {self._path} ({whose})")
        folder = self._path.parent.stat()
        if folder.st_mode & _OTHERS_WRITE or folder.st_uid not in (0, os.geteuid()):
            whose = f"mode {stat.S_IMODE(folder.st_mode):04o}, of user {folder.st_uid}"
            raise QcotError(KEY_STORE_OPEN, f"others can put files into {self._path.parent} ({whose})")
        if status.st_nlink > 1 and self._names(status.st_ino) > 1:
            raise QcotError(KEY_STORE_DAMAGED, f"{self._path} is a file of several names, and a store has one")
        if not status.st_size:
            raise QcotError(KEY_STORE_DAMAGED, f"{self._path} is empty")

    def _names(self, inode: int) -> int:
        """How many names the file has, without what `_create` calls it at first and, when it is killed, leaves."""
        for each in self._path.parent.iterdir():
            with contextlib.suppress(FileNotFoundError):  # that process is still at it
                if each.name.startswith(f".{self._path.name}.") and each.lstat().st_ino == inode:
                    each.unlink()
        return self._path.lstat().st_nlink

    def _require_ours(self) -> None:
        found = tuple(self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if found != (_APPLICATION, 1):
            raise QcotError(KEY_STORE_DAMAGED, f"{self._path} is no key store of version 1")
        (finding,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise QcotError(KEY_STORE_DAMAGED, f"{self._path}: {finding}")

    def __enter__(self) -> KeyStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._db.close()

    def add(self, keys: Iterable[Key]) -> None:
        """Add all or, where an id is known, none; they are on disk when this returns. Raises `key-known`."""
        rows = [(key.id.bytes, key.secret) for key in keys]
        with self._writing() as db:
            try:
                db.executemany("INSERT INTO key (id, secret) VALUES (?, ?)", rows)
            except sqlite3.IntegrityError as error:
                raise QcotError(KEY_KNOWN, f"{self._path}: a key of the same id was added before") from error

    def forget_used(self) -> None:
        """Let used keys be unknown, so that the file does not grow for ever; for keys whose ids nobody gives again."""
        with self._writing() as db:
            db.execute("DELETE FROM key WHERE used = 1")

    def available(self) -> int:
        """How many keys are unused."""
        with self._lock, self._named():
            return int(self._db.execute("SELECT count(*) FROM key WHERE used = 0").fetchone()[0])

    def take(self) -> Key:
        """The oldest unused key, used and erased on disk before this returns; raises `key-exhausted`."""
        with self._writing() as db:
            row = db.execute("SELECT number, id, secret FROM key WHERE used = 0 ORDER BY number LIMIT 1").fetchone()
            if row is None:
                raise QcotError(KEY_EXHAUSTED, f"{self._path} holds no unused key")
            _use(db, row[0])
        return Key(uuid.UUID(bytes=row[1]), row[2])

    def take_by_id(self, key_id: uuid.UUID, /) -> Key:
        """The key of this id, used and erased on disk before this returns; raises `key-used` or `key-unknown`."""
        with self._writing() as db:
            row = db.execute("SELECT number, used, secret FROM key WHERE id = ?", (key_id.bytes,)).fetchone()
            if row is None:
                raise QcotError(KEY_UNKNOWN, f"{self._path} never held key {key_id}")
            if row[1]:
                raise QcotError(KEY_USED, f"{self._path}: key {key_id} was used before")
            _use(db, row[0])
        return Key(key_id, row[2])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on disk at its end, or nothing of it."""
        with self._lock, self._named(), transaction(self._db):
            yield self._db

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise QcotError(KEY_STORE_MISSING, f"{self._path} is not there") from error
        except OSError as error:
            raise QcotError(KEY_STORE_IO, f"{self._path}: {error.strerror}") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
            raise QcotError(_PROBLEMS.get(code, KEY_STORE_IO), f"{self._path}: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    """Open with explicit transactions; see the module on how commits reach the disk and secrets leave it."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=_BUSY_SECONDS,
        check_same_thread=False,
    )
    for pragma in ("journal_mode = DELETE", "synchronous = EXTRA", "secure_delete = ON", "temp_store = MEMORY"):
        db.execute(f"PRAGMA {pragma}").fetchall()
    return db


def _use(db: sqlite3.Connection, number: int) -> None:
    db.execute("UPDATE key SET used = 1, secret = zeroblob(32) WHERE number = ?", (number,))
