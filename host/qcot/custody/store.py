"""HOME/records/custody.sqlite: sealed payloads and wrapped data keys, and nothing that opens them.

WAL with synchronous=FULL: what a method wrote is on disk when it returns. With secure_delete SQLite writes zeros over
what is deleted; a destroyed key would still stand in the write-ahead log, so that is emptied before it counts as gone.
What a disk, a file system or a backup keeps of earlier blocks is beyond this (docs/records.md).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qcot.crypto.keyfile import sync_folder
from qcot.custody.problems import (
    ACCESS_USED,
    CUSTODY_BUSY,
    CUSTODY_DAMAGED,
    CUSTODY_IO,
    ERASE_UNFINISHED,
    RECORD_NOT_HERE,
)
from qcot.database import transaction
from qcot.errors import QcotError

_APPLICATION = 0x51434352  # "QCCR"
_VERSION = 1
_BUSY_SECONDS = 10.0
_TABLES = (
    """CREATE TABLE pseudonym (kid BLOB PRIMARY KEY, identity TEXT NOT NULL, number INTEGER NOT NULL,
        UNIQUE (identity, number)) STRICT, WITHOUT ROWID""",
    # wrapped and payload are null once a record was erased; its statement stays, for it is on the ledger anyway.
    """CREATE TABLE record (id BLOB PRIMARY KEY, identity TEXT NOT NULL, number INTEGER NOT NULL,
        statement BLOB NOT NULL, wrapped BLOB, payload BLOB) STRICT""",
    # Accesses that something was handed out for.
    "CREATE TABLE served (access BLOB PRIMARY KEY, time INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)
_PROBLEMS = {
    sqlite3.SQLITE_BUSY: CUSTODY_BUSY,
    sqlite3.SQLITE_LOCKED: CUSTODY_BUSY,
    sqlite3.SQLITE_CORRUPT: CUSTODY_DAMAGED,
    sqlite3.SQLITE_NOTADB: CUSTODY_DAMAGED,
    sqlite3.SQLITE_ERROR: CUSTODY_DAMAGED,
    sqlite3.SQLITE_CONSTRAINT: CUSTODY_DAMAGED,
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A record in custody: pseudonym ``number`` of ``identity`` published it; None where it was erased."""

    id: bytes
    identity: str
    number: int
    statement: bytes
    wrapped: bytes | None = field(repr=False)
    payload: bytes | None = field(repr=False)


class Store:
    """The file of one home; raises QcotError `custody-...`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._named():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
        try:
            with self._named():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        with transaction(self._db):
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for table in _TABLES:
                    self._db.execute(table)
                self._db.execute(f"PRAGMA application_id={_APPLICATION}")
                self._db.execute(f"PRAGMA user_version={_VERSION}")
            elif version != _VERSION:
                raise QcotError(CUSTODY_DAMAGED, f"{self.path} has format {version}, this program knows {_VERSION}")
        sync_folder(self.path.parent)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def next_number(self, identity: str) -> int:
        """The number of the next fresh pseudonym of ``identity``."""
        ((last,),) = self._rows("SELECT max(number) FROM pseudonym WHERE identity = ?", identity)
        return 0 if last is None else int(last) + 1

    def add_pseudonym(self, identity: str, number: int, kid: bytes) -> bool:
        """Remember whose key id this is; tells whether it is new."""
        with self._named(), transaction(self._db):
            done = self._db.execute("INSERT OR IGNORE INTO pseudonym VALUES (?, ?, ?)", (kid, identity, number))
        return done.rowcount == 1

    def pseudonyms(self, identity: str) -> list[tuple[int, bytes]]:
        """Number and key id of each pseudonym of ``identity``, newest first."""
        return self._rows("SELECT number, kid FROM pseudonym WHERE identity = ? ORDER BY number DESC", identity)

    def holder(self, kid: bytes) -> tuple[str, int] | None:
        """Identity and number behind a key id, where it is one of this home."""
        rows = self._rows("SELECT identity, number FROM pseudonym WHERE kid = ?", kid)
        return rows[0] if rows else None

    def add(self, kept: Kept) -> None:
        """Keep a record."""
        row = (kept.id, kept.identity, kept.number, kept.statement, kept.wrapped, kept.payload)
        with self._named(), transaction(self._db):
            self._db.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", row)

    def get(self, record_id: bytes) -> Kept:
        """The record; raises `record-not-here`."""
        rows = self._rows(
            "SELECT id, identity, number, statement, wrapped, payload FROM record WHERE id = ?", record_id
        )
        if not rows:
            raise QcotError(RECORD_NOT_HERE, f"record {record_id.hex()} is not in {self.path}")
        return Kept(*rows[0])

    def everything(self) -> list[tuple[bytes, str, bytes, int | None]]:
        """Id, identity, statement and size of each payload (None where it was erased), in order of publication."""
        return self._rows("SELECT id, identity, statement, length(payload) FROM record ORDER BY rowid")

    def serve(self, access: bytes, time_ms: int) -> None:
        """Mark an access as used, before anything is handed out for it; raises `access-used`."""
        with self._named(), transaction(self._db):
            done = self._db.execute("INSERT OR IGNORE INTO served VALUES (?, ?)", (access, time_ms))
            if done.rowcount == 0:
                raise QcotError(ACCESS_USED, f"access {access.hex()[:16]} has opened its record already")

    def destroy(self, record_id: bytes) -> None:
        """Destroy key and payload of a record, also in the write-ahead log; raises `erase-unfinished`.

        Doing it again does no harm, and finishes what was not.
        """
        with self._named(), transaction(self._db):
            self._db.execute("UPDATE record SET wrapped = NULL, payload = NULL WHERE id = ?", (record_id,))
        with self._named():
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise QcotError(ERASE_UNFINISHED, f"{self.path} is read by another process: its log could not be emptied")

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._named():
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors of the disk and of SQLite by name."""
        try:
            yield
        except OSError as error:
            raise QcotError(CUSTODY_IO, f"{self.path}: {error.strerror}") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            raise QcotError(_PROBLEMS.get(code, CUSTODY_IO), f"{self.path}: {error}") from error
