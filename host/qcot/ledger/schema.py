"""The ledger's SQLite file: tables, connections, and its errors by name.

Leaves are what counts; all other tables can be made again from them, except what was signed over them (checkpoints,
cosignatures, anchors) and refusals. Tables are STRICT so that quick_check finds a value whose type was damaged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qcot.database import transaction
from qcot.errors import QcotError
from qcot.ledger.problems import LEDGER_CORRUPT, LEDGER_FOREIGN, LEDGER_FULL, LEDGER_IO

USER_VERSION, _BEFORE = 3, 2
TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE leaf (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    # Complete subtrees of the Merkle tree; level 0 holds leaf hashes.
    """CREATE TABLE node (level INTEGER, idx INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, idx))
        STRICT, WITHOUT ROWID""",
    # What was answered for good: accepted where leaf is not null, else refused with name and reason.
    """CREATE TABLE answer (bridge TEXT, sequence INTEGER, hash BLOB NOT NULL, leaf INTEGER, name TEXT NOT NULL,
        reason TEXT NOT NULL, PRIMARY KEY (bridge, sequence)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX answer_by_hash ON answer (hash)",
    """CREATE TABLE device (id BLOB PRIMARY KEY, key_commitment BLOB NOT NULL, epoch INTEGER NOT NULL,
        next_seq INTEGER NOT NULL, link BLOB NOT NULL, leaf INTEGER NOT NULL, entry INTEGER NOT NULL)
        STRICT, WITHOUT ROWID""",
    # Where the readings first .. first + count - 1 of a device's epoch are.
    """CREATE TABLE run (device BLOB, epoch INTEGER, first INTEGER, count INTEGER NOT NULL, leaf INTEGER NOT NULL,
        entry INTEGER NOT NULL, link_before BLOB NOT NULL, PRIMARY KEY (device, epoch, first)) STRICT, WITHOUT ROWID""",
    # The statements of each transaction: what the register and the record book are made from.
    """CREATE TABLE statement (leaf INTEGER, entry INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (leaf, entry))
        STRICT, WITHOUT ROWID""",
    "CREATE TABLE qblock (height INTEGER PRIMARY KEY, leaf INTEGER NOT NULL) STRICT",
    "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
    # What others say of these trees: witnesses' signature lines, and the authority's anchors.
    "CREATE TABLE cosignature (size INTEGER, name TEXT, line TEXT NOT NULL, PRIMARY KEY (size, name)) STRICT",
    "CREATE TABLE anchor (size INTEGER PRIMARY KEY, statement BLOB NOT NULL) STRICT",
    # The key that validated each Qblock's bookkeeper.
    "CREATE TABLE validation_key (id BLOB PRIMARY KEY, height INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)
# Since format 3: what boards signed themselves, and where it is. The key is the SHA-256 of the LMS public key.
SIGNED = (
    """CREATE TABLE signed (key BLOB, lms_leaf INTEGER, device BLOB NOT NULL, epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL, leaf INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (key, lms_leaf))
        STRICT, WITHOUT ROWID""",
    "CREATE INDEX signed_by_device ON signed (device, epoch, seq)",
)
OPEN_TIME, OPEN_UNTIL = "open-time", "open-until"
"""Of the open run: when its newest transaction was judged, and the first ms at which a certificate of it has ended."""
_BUSY_SECONDS = 10.0
_SMALLEST = 512  # SQLite takes a shorter file for a new database; only one of no bytes is


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open ``path`` with explicit transactions; a writer's commits are on disk when they return."""
    mode = "rwc" if writable else "ro"
    if path.is_file() and 0 < path.stat().st_size < _SMALLEST:
        raise QcotError(LEDGER_CORRUPT, f"{path}: cut off after {path.stat().st_size} bytes")
    with errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_SECONDS,
            check_same_thread=False,
        )
        if writable:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
    return connection


def create_tables(connection: sqlite3.Connection, meta: dict[str, str]) -> None:
    """Make all tables in one transaction, or those that a file of the format before lacks."""
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in TABLES:
                connection.execute(statement)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        if version in (0, _BEFORE):
            for statement in SIGNED:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={USER_VERSION}")


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `ledger-foreign` unless the file is a ledger of this format.

    To a reader one of the format before is one in which no board has signed anything: no writer has opened it since.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == _BEFORE:
        for statement in SIGNED:
            connection.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
        return
    if version != USER_VERSION:
        raise QcotError(LEDGER_FOREIGN, f"{path} has format {version}, this program knows {USER_VERSION}")


def check_structure(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `ledger-corrupt` unless SQLite finds its own structures whole; reads the whole file."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise QcotError(LEDGER_CORRUPT, f"{path}: {finding}")


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into named ones."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite quotes a damaged name in its message
        raise QcotError(LEDGER_CORRUPT, f"{path}: {error}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        # Without a code: text that is not UTF-8. Constraint: a table holds what does not follow from the leaves.
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CONSTRAINT")) or not code:
            problem = LEDGER_CORRUPT
        elif code == "SQLITE_FULL":
            problem = LEDGER_FULL
        else:
            problem = LEDGER_IO
        raise QcotError(problem, f"{path}: {error} ({code or 'no code'})") from error
