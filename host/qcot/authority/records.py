"""What an authority did, in one SQLite file: issued, revoked, anchored, and until when its window is open.

WAL with synchronous=FULL: what a method returned from is on disk, before anybody hears of it. Nothing is ever deleted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qcot.authority.problems import (
    AUTHORITY_BUSY,
    AUTHORITY_DAMAGED,
    AUTHORITY_FULL,
    AUTHORITY_IO,
    AUTHORITY_MISSING,
)
from qcot.certificates.certificate import Certificate
from qcot.certificates.claims import Role
from qcot.crypto.keyfile import sync_folder
from qcot.database import transaction
from qcot.errors import Problem, QcotError

SCHEMA = "1"
_WAIT = 10.0  # seconds that one command waits for another
_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE issued (id INTEGER PRIMARY KEY, serial BLOB NOT NULL UNIQUE, role TEXT NOT NULL, name TEXT NOT NULL,
        kid BLOB NOT NULL, issuer BLOB NOT NULL, hash BLOB NOT NULL UNIQUE, not_before INTEGER NOT NULL,
        not_after INTEGER NOT NULL, issued_at INTEGER NOT NULL, request BLOB UNIQUE, raw BLOB NOT NULL) STRICT""",
    "CREATE INDEX issued_kid ON issued (kid)",
    "CREATE INDEX issued_name ON issued (role, name)",
    """CREATE TABLE revoked (id INTEGER PRIMARY KEY, serial BLOB NOT NULL, reason TEXT NOT NULL, time INTEGER NOT NULL,
        raw BLOB NOT NULL, UNIQUE (serial, reason)) STRICT""",
    """CREATE TABLE anchor (origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, raw BLOB NOT NULL,
        PRIMARY KEY (origin, size)) STRICT, WITHOUT ROWID""",
)
_LMS = """CREATE TABLE IF NOT EXISTS lms (key BLOB NOT NULL, leaf INTEGER NOT NULL, device BLOB NOT NULL,
    signature BLOB NOT NULL, PRIMARY KEY (key, leaf)) STRICT, WITHOUT ROWID"""
"""What boards' keys have signed for requests: hashes of the public key and of what it signed. Files from before it have
none."""
_PROBLEMS: dict[int, Problem] = {
    sqlite3.SQLITE_FULL: AUTHORITY_FULL,
    sqlite3.SQLITE_BUSY: AUTHORITY_BUSY,
    sqlite3.SQLITE_LOCKED: AUTHORITY_BUSY,
    sqlite3.SQLITE_CORRUPT: AUTHORITY_DAMAGED,
    sqlite3.SQLITE_NOTADB: AUTHORITY_DAMAGED,
    sqlite3.SQLITE_ERROR: AUTHORITY_DAMAGED,  # our statements are fixed: the tables are not ours
    sqlite3.SQLITE_CONSTRAINT: AUTHORITY_DAMAGED,
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was given out. Times in POSIX seconds; ``revoked`` the reasons, empty where it was not."""

    serial: bytes
    role: str
    name: str
    kid: bytes
    hash: bytes
    not_before: int
    not_after: int
    issued_at: int
    raw: bytes
    revoked: tuple[str, ...]


class Records:
    """The file at ``path``. Every method may raise QcotError `authority-...`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise QcotError(AUTHORITY_MISSING, f"{path} is not there")
        with self._named():
            self._db = _connect(path)
            try:
                schema = self._db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
                if schema == (SCHEMA,):
                    self._db.execute(_LMS)
            except sqlite3.Error:
                self._db.close()
                raise
        if schema != (SCHEMA,):
            self._db.close()
            raise QcotError(AUTHORITY_DAMAGED, f"{path} is of schema {schema}")

    @classmethod
    def create(cls, path: Path, meta: dict[str, str], issuer: Certificate) -> Records:
        """A new file with its first issuer in it, whole under its name or not there."""
        part = path.with_name(f".{path.name}.new")
        part.unlink(missing_ok=True)
        try:
            part.touch(mode=0o600)
            db = _connect(part, "DELETE")
            try:
                with transaction(db):
                    for table in _TABLES:
                        db.execute(table)
                    db.executemany("INSERT INTO meta VALUES (?, ?)", {"schema": SCHEMA, **meta}.items())
                    _insert(db, issuer, None)
            finally:
                db.close()
            part.replace(path)
            sync_folder(path.parent)
        except (sqlite3.Error, OSError) as error:
            raise QcotError(AUTHORITY_IO, f"{path}: {error}") from error
        return cls(path)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything in it is done at its end, or nothing; one process at a time."""
        with self._named(), transaction(self._db):
            yield

    def value(self, key: str) -> str | None:
        """A value as it is now, also if another process wrote it."""
        with self._named():
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def signed(self, key: bytes, leaf: int) -> tuple[bytes, bytes | None] | None:
        """The device that an LMS ``key`` signed for, and what it signed with ``leaf``; None for a key that is new."""
        with self._named():
            row = self._db.execute(
                "SELECT device, iif(leaf = ?1, signature, NULL) FROM lms WHERE key = ?2 ORDER BY leaf != ?1 LIMIT 1",
                (leaf, key),
            ).fetchone()
        return None if row is None else (bytes(row[0]), row[1])

    def put_signed(self, key: bytes, leaf: int, device: bytes, signature: bytes) -> None:
        """Note what an LMS ``key`` signed with ``leaf``."""
        with self._named():
            self._db.execute("INSERT OR IGNORE INTO lms VALUES (?, ?, ?, ?)", (key, leaf, device, signature))

    def put(self, key: str, value: str) -> None:
        """Set a value."""
        with self._named():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def insert(self, found: Certificate, request: bytes | None) -> None:
        """Record a certificate and the hash of the request for it."""
        with self._named():
            _insert(self._db, found, request)

    def by_request(self, request: bytes) -> bytes | None:
        """The certificate that was given for this request's hash."""
        with self._named():
            row = self._db.execute("SELECT raw FROM issued WHERE request = ?", (request,)).fetchone()
        return bytes(row[0]) if row else None

    def issued(self) -> tuple[Issued, ...]:
        """All that was issued, in order."""
        with self._named():
            reasons: dict[bytes, tuple[str, ...]] = {}
            for serial, reason in self._db.execute("SELECT serial, reason FROM revoked ORDER BY id"):
                reasons[serial] = (*reasons.get(serial, ()), reason)
            rows = self._db.execute(
                """SELECT serial, role, name, kid, hash, not_before, not_after, issued_at, raw FROM issued
                ORDER BY id"""
            ).fetchall()
        return tuple(Issued(*(*row, reasons.get(row[0], ()))) for row in rows)

    def certificates(self, kid: bytes) -> list[bytes]:
        """All certificates of a holder, and all issuers', in order."""
        with self._named():
            rows = self._db.execute(
                "SELECT raw FROM issued WHERE kid = ? OR role = ? ORDER BY id", (kid, str(Role.ISSUER))
            ).fetchall()
        return [bytes(raw) for (raw,) in rows]

    def holder(self, role: Role, name: str, at_s: int) -> bytes | None:
        """The kid certified last for this role and name, beyond ``at_s`` and not revoked: others gave it over to it."""
        with self._named():
            row = self._db.execute(
                """SELECT kid FROM issued WHERE role = ? AND name = ? AND not_after > ?
                AND serial NOT IN (SELECT serial FROM revoked) ORDER BY id DESC LIMIT 1""",
                (str(role), name, at_s),
            ).fetchone()
        return bytes(row[0]) if row else None

    def certificate(self, serial: bytes) -> bytes | None:
        """The certificate of this serial."""
        with self._named():
            row = self._db.execute("SELECT raw FROM issued WHERE serial = ?", (serial,)).fetchone()
        return bytes(row[0]) if row else None

    def revocation(self, serial: bytes, reason: str) -> bytes | None:
        """The revocation of this serial for this reason."""
        with self._named():
            row = self._db.execute(
                "SELECT raw FROM revoked WHERE serial = ? AND reason = ?", (serial, reason)
            ).fetchone()  # fmt: skip
        return bytes(row[0]) if row else None

    def revocations(self) -> list[bytes]:
        """All revocations, in order."""
        with self._named():
            return [bytes(raw) for (raw,) in self._db.execute("SELECT raw FROM revoked ORDER BY id")]

    def revoke(self, serial: bytes, reason: str, time: int, raw: bytes) -> None:
        """Record a revocation."""
        with self._named():
            self._db.execute("INSERT INTO revoked VALUES (NULL, ?, ?, ?, ?)", (serial, reason, time, raw))

    def last_anchor(self, origin: str) -> tuple[int, bytes, bytes] | None:
        """Size, root and bytes of the newest anchor of a log."""
        with self._named():
            row = self._db.execute(
                "SELECT size, root, raw FROM anchor WHERE origin = ? ORDER BY size DESC LIMIT 1", (origin,)
            ).fetchone()
        return (int(row[0]), bytes(row[1]), bytes(row[2])) if row else None

    def anchored(self, origin: str, size: int, root: bytes, raw: bytes) -> None:
        """Record an anchor."""
        with self._named():
            self._db.execute("INSERT INTO anchor VALUES (?, ?, ?, ?)", (origin, size, root, raw))

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
            raise QcotError(_PROBLEMS.get(code, AUTHORITY_IO), f"{self._path}: {error}") from error


def _connect(path: Path, journal: str = "WAL") -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=_WAIT)
    try:
        db.execute(f"PRAGMA journal_mode={journal}")
        db.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _insert(db: sqlite3.Connection, found: Certificate, request: bytes | None) -> None:
    db.execute(
        "INSERT INTO issued VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            found.serial, str(found.role), found.name, found.kid, found.issuer, found.hash, found.not_before,
            found.not_after, found.issued_at, request, found.raw,
        ),
    )  # fmt: skip
