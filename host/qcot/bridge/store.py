"""The bridge's disk: what boards were acknowledged for, and what the gateway has not yet taken.

One SQLite file in WAL mode with synchronous=FULL. Each public method that writes is one transaction: after it returns,
what it says is on disk; if it raises, or the process is killed in it, nothing of it is.

    add -> pending -> seal -> outbox -> settle -> gone, or refused
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qcot.bridge.problems import DISK_FULL, OUTBOX_BUSY, OUTBOX_CORRUPT, OUTBOX_FOREIGN, OUTBOX_IO
from qcot.crypto.keyfile import sync_folder
from qcot.database import transaction
from qcot.errors import Problem, QcotError
from qcot.ledger import transactions
from qcot.link.events import Resume

SCHEMA = 2
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE boards (device BLOB PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, link BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE announced (device BLOB PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pending (id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, device BLOB NOT NULL,
    epoch INTEGER NOT NULL, received INTEGER NOT NULL, readings INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE outbox (sequence INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, readings INTEGER NOT NULL,
    raw BLOB NOT NULL);
CREATE TABLE refused (hash BLOB PRIMARY KEY, sequence INTEGER NOT NULL, name TEXT NOT NULL, reason TEXT NOT NULL,
    raw BLOB NOT NULL);
CREATE TABLE taken (hash BLOB PRIMARY KEY, state INTEGER NOT NULL) WITHOUT ROWID;
"""

# Result codes of SQLite, the low byte of each (sqlite.org/rescode.html).
_PROBLEMS: dict[int, Problem] = {
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_BUSY: OUTBOX_BUSY,
    sqlite3.SQLITE_LOCKED: OUTBOX_BUSY,
    sqlite3.SQLITE_CORRUPT: OUTBOX_CORRUPT,
    sqlite3.SQLITE_NOTADB: OUTBOX_CORRUPT,
}

FRAME, ENROLMENT, STATEMENT, CHAIN, CHECKPOINT, CLOCKED = range(1, 7)
"""A CHAIN is a statement that goes in one transaction with the CHAIN before it, a CLOCKED a FRAME after its clock."""
_PENDING, _ON_LEDGER, _REFUSED, _LEFT_OUT = range(4)


@dataclass(frozen=True, slots=True)
class Item:
    """An entry that waits to be signed; what ``body`` holds for each ``kind`` is in items.py."""

    kind: int
    device: bytes
    epoch: int
    received: int
    readings: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed transaction in the outbox."""

    sequence: int
    hash: bytes
    readings: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """That the gateway refused a transaction for good, and why."""

    hash: bytes
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What left the outbox, by its own sequence: readings of the accepted, and why the others were refused.

    ``statements`` are those that were in it, by hash: None where accepted, else why refused; ``raws`` the refused.
    """

    accepted: dict[int, int]
    refused: dict[int, Refusal]
    statements: dict[bytes, Refusal | None]
    raws: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """What has become of a statement so far."""

    is_on_ledger: bool
    is_refused: bool
    is_left_out: bool = False


class Store:
    """Open with the site and bridge that it belongs to; one process at a time. Raises QcotError `outbox-...`."""

    def __init__(self, path: Path, site: str, bridge: str) -> None:
        self._path = path
        with self._named():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
        try:
            with self._named():
                self._prepare(site, bridge)
        except QcotError:
            self._db.close()
            raise

    def _prepare(self, site: str, bridge: str) -> None:
        db = self._db
        # One process owns the outbox; with this it also needs no shared-memory file beside it.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        problems = [row[0] for row in db.execute("PRAGMA quick_check(3)")]
        if problems != ["ok"]:
            raise QcotError(OUTBOX_CORRUPT, f"{self._path}: {'; '.join(map(str, problems))}")
        with transaction(self._db):
            if not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                for statement in _TABLES.split(";\n"):
                    db.execute(statement)
                values = {"schema": SCHEMA, "site": site, "bridge": bridge, "next": 1}
                db.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
        sync_folder(self._path.parent)
        found = dict(db.execute("SELECT key, value FROM meta").fetchall())
        if (found.get("schema"), found.get("site"), found.get("bridge")) != (SCHEMA, site, bridge):
            was = f"schema {found.get('schema')}, site {found.get('site')}, bridge {found.get('bridge')}"
            raise QcotError(OUTBOX_FOREIGN, f"{self._path} is of {was}")
        self._next = int(found["next"])

    # Boards

    def resume(self, device: bytes) -> Resume:
        """What is on disk for ``device``."""
        with self._named():
            row = self._db.execute("SELECT epoch, seq, link FROM boards WHERE device = ?", (device,)).fetchone()
        return Resume(*row) if row else Resume()

    def announced(self, device: bytes) -> str | None:
        """The record under which ``device`` was announced to the gateway, if it was."""
        with self._named():
            row = self._db.execute("SELECT record FROM announced WHERE device = ?", (device,)).fetchone()
        return str(row[0]) if row else None

    def add(
        self, items: Sequence[Item], positions: Mapping[bytes, Resume], announced: Mapping[bytes, str]
    ) -> list[int]:
        """Store ``items`` in order with where each board's chain stands after them; gives the items' ids.

        The statements among them are taken from then on.
        """
        with self._named(), transaction(self._db):
            db = self._db
            ids = []
            for item in items:
                row = (item.kind, item.device, item.epoch, item.received, item.readings, item.body)
                ids.append(db.execute("INSERT INTO pending VALUES (NULL, ?, ?, ?, ?, ?, ?)", row).lastrowid or 0)
            db.executemany(
                "INSERT OR REPLACE INTO boards VALUES (?, ?, ?, ?)",
                [(device, at.epoch, at.seq, at.link) for device, at in positions.items()],
            )
            db.executemany("INSERT OR REPLACE INTO announced VALUES (?, ?)", announced.items())
            statements = [hashlib.sha256(item.body).digest() for item in items if item.kind in (STATEMENT, CHAIN)]
            db.executemany("INSERT OR REPLACE INTO taken VALUES (?, ?)", [(each, _PENDING) for each in statements])
        return ids

    def forget_announced(self, devices: Iterable[bytes]) -> None:
        """Have these boards announced again: the gateway refused it."""
        with self._named(), transaction(self._db):
            self._db.executemany("DELETE FROM announced WHERE device = ?", [(device,) for device in devices])

    # Statements and keys

    def taken(self, statement: bytes) -> Taken | None:
        """What became of the statement with this hash, if it was ever taken."""
        with self._named():
            row = self._db.execute("SELECT state FROM taken WHERE hash = ?", (statement,)).fetchone()
        return Taken(row[0] == _ON_LEDGER, row[0] == _REFUSED, row[0] == _LEFT_OUT) if row else None

    def forget_refused(self) -> None:
        """Have all statements that were refused tried again."""
        with self._named(), transaction(self._db):
            self._db.execute("DELETE FROM taken WHERE state = ?", (_REFUSED,))

    def signing(self) -> tuple[bytes, bytes] | None:
        """The kid of the key that signs now since the rotation with this hash, if there was one."""
        with self._named():
            rows = dict(self._db.execute("SELECT key, value FROM meta WHERE key IN ('kid', 'rotation')").fetchall())
        return (bytes(rows["kid"]), bytes(rows["rotation"])) if rows else None

    def sign_with(self, kid: bytes | None, rotation: bytes = b"") -> None:
        """Note from which key on to sign; None forgets it."""
        with self._named(), transaction(self._db):
            self._set_signing(kid, rotation)

    def _set_signing(self, kid: bytes | None, rotation: bytes) -> None:
        self._db.execute("DELETE FROM meta WHERE key IN ('kid', 'rotation')")
        if kid is not None:
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", [("kid", kid), ("rotation", rotation)])

    # Outbox

    @property
    def next_sequence(self) -> int:
        """The bridge sequence of the next transaction."""
        return self._next

    def pending(self) -> list[tuple[int, Item]]:
        """What waits to be signed, in order, with its ids."""
        with self._named():
            rows = self._db.execute(
                "SELECT id, kind, device, epoch, received, readings, body FROM pending ORDER BY id"
            ).fetchall()
        return [(row[0], Item(*row[1:])) for row in rows]

    def seal(self, ids: Iterable[int], sealed: Sealed, rotated: tuple[bytes, bytes] | None = None) -> None:
        """Put ``sealed``, which must have ``next_sequence``, in the place of the pending items that it holds.

        With ``rotated``, a kid and a rotation's hash, that key signs from the next one on.
        """
        if sealed.sequence != self._next:
            raise ValueError(f"sequence {sealed.sequence} is not the next, {self._next}")
        with self._named(), transaction(self._db):
            self._db.execute(
                "INSERT INTO outbox VALUES (?, ?, ?, ?)", (sealed.sequence, sealed.hash, sealed.readings, sealed.raw)
            )
            self._db.executemany("DELETE FROM pending WHERE id = ?", [(number,) for number in ids])
            self._set_next(sealed.sequence + 1)
            if rotated is not None:
                self._set_signing(*rotated)
        self._next = sealed.sequence + 1

    def outbox(self, start: int = 0, limit: int = -1) -> list[Sealed]:
        """At most ``limit`` transactions from sequence ``start`` on, in order."""
        with self._named():
            rows = self._db.execute(
                "SELECT sequence, hash, readings, raw FROM outbox WHERE sequence >= ? ORDER BY sequence LIMIT ?",
                (start, limit),
            ).fetchall()
        return [Sealed(*row) for row in rows]

    def raw(self, hash_: bytes) -> bytes | None:
        """The bytes of the transaction in the outbox with this hash."""
        with self._named():
            row = self._db.execute("SELECT raw FROM outbox WHERE hash = ?", (hash_,)).fetchone()
        return None if row is None else bytes(row[0])

    def holds(self, hashes: Iterable[bytes]) -> bool:
        """Whether one of these is in the outbox."""
        with self._named():
            found = (self._db.execute("SELECT 1 FROM outbox WHERE hash = ?", (each,)).fetchone() for each in hashes)
            return any(found)

    def settle(self, accepted: Iterable[bytes], refused: Iterable[Refusal]) -> Settled:
        """Delete what the gateway has on disk, by hash, and keep aside what it refused. Unknown hashes do nothing."""
        settled, raws = Settled({}, {}, {}), []
        with self._named(), transaction(self._db):
            for hash_ in accepted:
                for sealed in self._delete(hash_):
                    settled.accepted[sealed.sequence] = sealed.readings
                    settled.statements.update(dict.fromkeys(self._mark(sealed, _ON_LEDGER)))
            for refusal in refused:
                self._db.execute(
                    "INSERT OR IGNORE INTO refused SELECT hash, sequence, ?, ?, raw FROM outbox WHERE hash = ?",
                    (refusal.name, refusal.reason, refusal.hash),
                )
                for sealed in self._delete(refusal.hash):
                    settled.refused[sealed.sequence] = refusal
                    settled.statements.update(dict.fromkeys(self._mark(sealed, _REFUSED), refusal))
                    raws.append(sealed.raw)
        return replace(settled, raws=tuple(raws))

    def _delete(self, hash_: bytes) -> list[Sealed]:
        rows = self._db.execute(
            "DELETE FROM outbox WHERE hash = ? RETURNING sequence, hash, readings, raw", (hash_,)
        ).fetchall()
        return [Sealed(*row) for row in rows]

    def _mark(self, sealed: Sealed, state: int) -> list[bytes]:
        """Say of its statements what has become of them; one with readings holds none."""
        statements = transactions.parse(sealed.raw).statements if not sealed.readings else ()
        hashes = [hashlib.sha256(each).digest() for each in statements]
        self._db.executemany("INSERT OR REPLACE INTO taken VALUES (?, ?)", [(each, state) for each in hashes])
        return hashes

    def renumber(self, replacements: Sequence[Sealed], next_sequence: int, left_out: bytes | None = None) -> None:
        """Replace the whole outbox; ``left_out`` is the hash of a statement that is not in it any more."""
        with self._named(), transaction(self._db):
            self._db.execute("DELETE FROM outbox")
            self._db.executemany(
                "INSERT INTO outbox VALUES (?, ?, ?, ?)",
                [(each.sequence, each.hash, each.readings, each.raw) for each in replacements],
            )
            self._set_next(next_sequence)
            if left_out is not None:
                self._db.execute("INSERT OR REPLACE INTO taken VALUES (?, ?)", (left_out, _LEFT_OUT))
        self._next = next_sequence

    def refused(self) -> list[tuple[int, Refusal]]:
        """What the gateway refused for good, with the bridge sequence of each."""
        with self._named():
            rows = self._db.execute("SELECT sequence, hash, name, reason FROM refused ORDER BY sequence").fetchall()
        return [(row[0], Refusal(*row[1:])) for row in rows]

    def refused_as(self, names: Sequence[str]) -> list[tuple[bytes, str]]:
        """Hash and name of what was refused by one of these names, in the order of the bridge sequence."""
        query = "SELECT hash, name FROM refused WHERE name IN (SELECT value FROM json_each(?)) ORDER BY sequence"
        with self._named():
            return self._db.execute(query, (json.dumps(names),)).fetchall()

    def refused_raw(self, hash_: bytes) -> bytes:
        """The bytes of the refused transaction with this hash."""
        with self._named():
            (raw,) = self._db.execute("SELECT raw FROM refused WHERE hash = ?", (hash_,)).fetchone()
        return bytes(raw)

    def send_again(self, hashes: Iterable[bytes], sealed: Sequence[Sealed]) -> None:
        """Put ``sealed`` at the end of the outbox, in the place of what was refused under ``hashes``."""
        following = self._next + len(sealed)
        with self._named(), transaction(self._db):
            self._db.executemany("DELETE FROM refused WHERE hash = ?", [(each,) for each in hashes])
            self._db.executemany(
                "INSERT INTO outbox VALUES (?, ?, ?, ?)",
                [(each.sequence, each.hash, each.readings, each.raw) for each in sealed],
            )
            self._set_next(following)
        self._next = following

    def set_aside(self, start: int, end: int) -> bool:
        """Whether every sequence from ``start`` to before ``end`` was used by one that the gateway refused."""
        with self._named():
            (found,) = self._db.execute(
                "SELECT count(DISTINCT sequence) FROM refused WHERE sequence >= ? AND sequence < ?", (start, end)
            ).fetchone()
        return bool(found == end - start)

    def counts(self) -> tuple[int, int, int]:
        """How many are pending, in the outbox and refused."""
        with self._named():
            row = self._db.execute(
                "SELECT (SELECT count(*) FROM pending), (SELECT count(*) FROM outbox), (SELECT count(*) FROM refused)"
            ).fetchone()
        return row[0], row[1], row[2]

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def _set_next(self, sequence: int) -> None:
        self._db.execute("UPDATE meta SET value = ? WHERE key = 'next'", (sequence,))

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            problem = _PROBLEMS.get(code & 0xFF, OUTBOX_IO) if code is not None else OUTBOX_IO
            raise QcotError(problem, f"{self._path}: {error}") from error
        except OSError as error:
            raise QcotError(OUTBOX_IO, f"{self._path}: {error.strerror}") from error
