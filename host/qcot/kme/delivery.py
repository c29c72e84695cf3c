"""Which key was made for whom: each key goes once to the master that asked, and once to the slave that it named.

The two ends of the link have a key store each, with the same keys in it; here both ends stand in one process (two KMEs
in one process), as a simulated link allows. A master's request takes keys from the near store and notes, on disk, for
which pair they are; the slave's request strikes that note out and takes the same keys from the far store. A process
that is killed between two steps has lost a key and given none twice.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from qcot.crypto.keyfile import sync_folder
from qcot.database import transaction
from qcot.errors import QcotError
from qcot.kme.api import KEY_BITS, DeliveredKey, KeyRequest, status_body
from qcot.kme.problems import BAD_REQUEST, EXHAUSTED, NO_SUCH_KEY, NOT_YOURS, STATE_IO
from qcot.quantum.qkd.problems import KEY_EXHAUSTED
from qcot.quantum.qkd.store import Key, KeyStore

MAX_UNCOLLECTED = 256
"""Most keys of one master that wait for a slave; after that the oldest is forgotten, whatever slaves it named."""
_TABLES = """
CREATE TABLE IF NOT EXISTS delivery (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE,
    master TEXT NOT NULL, slave TEXT NOT NULL, bits INTEGER NOT NULL, parts BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS pair ON delivery (master, slave, number);
"""


class Kme:
    """Both ends of one link, their state in ``folder``; safe for threads, one process at a time.

    ``capacity`` is how many keys the link keeps in store, ``names`` what the two ends are called. Raises QcotError
    `kme-state` or `key-store-...`.
    """

    def __init__(self, folder: Path, *, capacity: int, names: tuple[str, str] = ("kme-near", "kme-far")) -> None:
        self.capacity = capacity
        self.names = names
        self._folder = folder
        self._lock = threading.Lock()
        with contextlib.ExitStack() as stack:
            with self._named():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._near = stack.enter_context(KeyStore(folder / "near.keys"))
            self._far = stack.enter_context(KeyStore(folder / "far.keys"))
            with self._named():
                self._db = stack.enter_context(contextlib.closing(_connect(folder / "deliveries.sqlite")))
                self._db.executescript(_TABLES)
                sync_folder(folder)
            self._stack = stack.pop_all()

    def __enter__(self) -> Kme:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the files back."""
        with self._lock:
            self._stack.close()

    def stored(self) -> int:
        """How many keys of the default size could be given now."""
        return self._near.available()

    def fill(self, keys: Sequence[Key]) -> None:
        """Keys that the link has made: the far end has them before the near end can give one."""
        for end in (self._far, self._near):
            end.forget_used()  # every key has a new id, and no note leads to a used one
            end.add(keys)

    def status(self, master: str, slave: str) -> dict[str, Any]:
        """What the standard's status says (clause 6.1)."""
        near, far = self.names
        return status_body(
            source=near, target=far, master=master, slave=slave, stored=self.stored(), capacity=self.capacity
        )

    def issue(self, master: str, slave: str, request: KeyRequest) -> list[DeliveredKey]:
        """New keys for ``master``, kept for ``slave``; all or none. Raises `kme-exhausted`."""
        if master == slave:
            raise QcotError(BAD_REQUEST, f"{master} asks for a key with itself")
        parts = -(-request.bits // KEY_BITS)
        with self._lock:
            wanted = parts * request.number
            if (stored := self.stored()) < wanted:
                raise QcotError(EXHAUSTED, f"{wanted} keys of {KEY_BITS} bits are needed, {stored} are in store")
            given = []
            for _ in range(request.number):
                taken = [self._take() for _ in range(parts)]
                ids = b"".join(key.id.bytes for key in taken)
                with self._write() as db:
                    db.execute(
                        "INSERT INTO delivery (id, master, slave, bits, parts) VALUES (?, ?, ?, ?, ?)",
                        (taken[0].id.bytes, master, slave, request.bits, ids),
                    )
                given.append(_joined(taken, request.bits))
            self._forget_oldest(master)
        return given

    def collect(self, master: str, slave: str, ids: Sequence[uuid.UUID]) -> list[DeliveredKey]:
        """The other copy of keys that ``master`` was given, for ``slave``, once; all or none of them.

        Raises `kme-no-such-key` and, where a key is another pair's, `kme-not-yours`.
        """
        with self._lock:
            with self._write() as db:
                found = [self._claim(db, master, slave, key_id) for key_id in ids]
            return [_joined([self._far.take_by_id(part) for part in parts], bits) for bits, parts in found]

    def _claim(self, db: sqlite3.Connection, master: str, slave: str, key_id: uuid.UUID) -> tuple[int, list[uuid.UUID]]:
        row = db.execute("SELECT master, slave FROM delivery WHERE id = ?", (key_id.bytes,)).fetchone()
        if row is None:
            raise QcotError(NO_SUCH_KEY, f"key {key_id} was not made, or was collected before")
        if row != (master, slave):
            raise QcotError(NOT_YOURS, f"key {key_id} is not for {slave} from {master}")
        (bits, parts) = db.execute(
            "DELETE FROM delivery WHERE id = ? RETURNING bits, parts", (key_id.bytes,)
        ).fetchone()
        return bits, _uuids(parts)

    def _take(self) -> Key:
        try:
            return self._near.take()
        except QcotError as error:
            if error.problem == KEY_EXHAUSTED:
                raise QcotError(EXHAUSTED, "no key is in store") from error
            raise

    def _forget_oldest(self, master: str) -> None:
        while True:
            (count,) = self._db.execute("SELECT count(*) FROM delivery WHERE master = ?", (master,)).fetchone()
            if count <= MAX_UNCOLLECTED:
                return
            with self._write() as db:
                number, parts = db.execute(
                    "SELECT number, parts FROM delivery WHERE master = ? ORDER BY number LIMIT 1", (master,)
                ).fetchone()
                db.execute("DELETE FROM delivery WHERE number = ?", (number,))
            for part in _uuids(parts):
                self._far.take_by_id(part)

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._named(), transaction(self._db):
            yield self._db

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise QcotError(STATE_IO, f"{self._folder}: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    # One server owns a link's state; EXTRA also syncs the folder, so that no power cut brings a struck-out note back.
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = DELETE", "synchronous = EXTRA"):
        db.execute(f"PRAGMA {pragma}").fetchall()
    db.executescript("BEGIN EXCLUSIVE; COMMIT")  # the lock comes with the first write, and stays
    path.chmod(0o600)
    return db


def _joined(parts: Sequence[Key], bits: int) -> DeliveredKey:
    """Whole keys one behind the other, cut to size, under the first one's id."""
    return DeliveredKey(parts[0].id, b"".join(part.secret for part in parts)[: bits // 8])


def _uuids(packed: bytes) -> list[uuid.UUID]:
    return [uuid.UUID(bytes=packed[at : at + 16]) for at in range(0, len(packed), 16)]
