"""A witness of logs: it cosigns a tree only after it has checked that it grew out of the last one it cosigned.

What it remembers of each log is one tree, size and root. That is on disk before a signature leaves
(C2SP tlog-witness: check and persist are one step), so whatever crashes, it never signs two roots of one size and never
goes back. Never restore its state from a backup under the same key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from qcot.crypto.keyfile import sync_folder
from qcot.crypto.signing import SigningKey
from qcot.database import transaction
from qcot.errors import Problem, QcotError
from qcot.ledger import checkpoint
from qcot.ledger.checkpoint import Checkpoint, Consistency, SignatureLine, VerifierKey
from qcot.ledger.problems import NOT_CONSISTENT

LOG_UNKNOWN = Problem(
    "witness-log-unknown", "If this log is to be witnessed, add its key with `qcot ledger witness add`."
)
OLD_SIZE_DIFFERS = Problem(
    "witness-old-size", "Ask the log's home for a request from the size that was cosigned last, and sign that."
)
GOES_BACK = Problem("witness-goes-back", "Sign the log's newest checkpoint; a witness never goes back.")
FORKED = Problem(
    "witness-forked",
    "Keep this request: the log has shown two histories. Do not sign, and tell those who rely on this log.",
)
STATE_BROKEN = Problem(
    "witness-state", "Make a new witness with a new key; a state that is lost or restored must not sign again."
)
WITNESS_MISSING = Problem(
    "witness-missing", "Run `qcot ledger witness init NAME` first, or name the right home with --home."
)
_TABLES = (
    "CREATE TABLE identity (name TEXT NOT NULL, kid BLOB NOT NULL) STRICT",
    "CREATE TABLE log (origin TEXT, vkey TEXT, PRIMARY KEY (origin, vkey)) STRICT, WITHOUT ROWID",
    """CREATE TABLE head (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL)
        STRICT, WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class Head:
    """The tree of a log that was cosigned last."""

    size: int
    root: bytes


class Witness:
    """The cosigner ``vkey.name``, its ``key``, and what it remembers in the SQLite file ``path``.

    Raises `witness-missing` where there is none, `witness-state` where the file is that of another key.
    """

    def __init__(self, path: Path, key: SigningKey) -> None:
        self._path, self._key = path, key
        with self._open() as database:
            ((name, kid),) = database.execute("SELECT name, kid FROM identity").fetchall()
        if kid != key.public_key.kid:
            raise QcotError(STATE_BROKEN, f"{path} is that of key {kid.hex()}, this one is {key.public_key.kid.hex()}")
        self.vkey = VerifierKey(name, key.public_key)

    @classmethod
    def create(cls, path: Path, name: str, key: SigningKey) -> Witness:
        """A witness that has seen no log, on disk; raises `witness-state` where there is one, `bad-verifier-key`."""
        kid = VerifierKey(name, key.public_key).key.kid
        try:
            path.touch(mode=0o600, exist_ok=False)
        except OSError as error:
            raise QcotError(STATE_BROKEN, f"{path}: {error.strerror}") from error
        with _connected(path) as database, transaction(database):
            for table in _TABLES:
                database.execute(table)
            database.execute("INSERT INTO identity VALUES (?, ?)", (name, kid))
        sync_folder(path.parent)
        return cls(path, key)

    def add_log(self, vkey: VerifierKey) -> None:
        """Cosign the log whose key this is from now on; a log's key has its origin as name (C2SP tlog-policy)."""
        with self._open() as database, transaction(database):
            database.execute("INSERT INTO log VALUES (?, ?) ON CONFLICT DO NOTHING", (vkey.name, str(vkey)))

    def logs(self) -> dict[str, Head]:
        """Every log that it cosigns, and the tree that it cosigned last (size 0 where none)."""
        with self._open() as database:
            return {origin: _head(database, origin) for (origin,) in database.execute("SELECT origin FROM log")}

    def cosign(self, request: Consistency, stamp: int) -> SignatureLine:
        """Cosign the request's checkpoint at POSIX time ``stamp``; on return its tree is remembered on disk.

        The same tree may be cosigned again. Raises `witness-log-unknown`, `checkpoint-unsigned`, `bad-signature`,
        `witness-goes-back`, `witness-forked`, `witness-old-size` or `not-consistent`: then nothing was signed.
        """
        given = request.checkpoint
        with self._open() as database, transaction(database):
            _require_log(given, [key for (key,) in database.execute(
                "SELECT vkey FROM log WHERE origin = ?", (given.origin,))])  # fmt: skip
            _require_growth(_head(database, given.origin), request)
            database.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", (given.origin, given.size, given.root))
        return checkpoint.cosign(
            self._key, self.vkey.name, origin=given.origin, size=given.size, root=given.root, stamp=stamp
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self._path.is_file():
            raise QcotError(WITNESS_MISSING, f"{self._path} is not there")
        with _connected(self._path) as database:
            yield database


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """The state; each transaction locks it, and is on disk when it has ended."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous=EXTRA")  # also the folder, once the journal is gone from it
            yield database
    except (sqlite3.Error, ValueError) as error:  # ValueError: not one row of two
        raise QcotError(STATE_BROKEN, f"{path}: {error}") from error


def _head(database: sqlite3.Connection, origin: str) -> Head:
    row = database.execute("SELECT size, root FROM head WHERE origin = ?", (origin,)).fetchone()
    return Head(*row) if row else Head(0, b"")


def _require_log(given: Checkpoint, vkeys: Iterable[str]) -> None:
    known = [VerifierKey.parse(each) for each in vkeys]
    if not known:
        raise QcotError(LOG_UNKNOWN, f"log {given.origin} is not one that this witness cosigns")
    for vkey in known:
        if vkey is known[-1] or given.is_signed_by(vkey):
            given.verify(vkey)
            return


def _require_growth(head: Head, request: Consistency) -> None:
    """Raise unless the request's tree is ``head``, or has grown out of it (C2SP tlog-witness, add-checkpoint)."""
    given = request.checkpoint
    if given.size < max(head.size, 1):
        raise QcotError(GOES_BACK, f"a tree of {given.size} leaves; of this log {head.size} were cosigned already")
    if given.size == head.size and given.root != head.root:
        raise QcotError(
            FORKED, f"of {head.size} leaves the root {head.root.hex()} was cosigned, this one is {given.root.hex()}"
        )
    if request.old != head.size:
        raise QcotError(OLD_SIZE_DIFFERS, f"the request begins at {request.old} leaves, cosigned were {head.size}")
    if not request.follows(head.root):
        raise QcotError(
            NOT_CONSISTENT, f"no proof that the tree of {given.size} leaves begins with the {head.size} cosigned"
        )
