"""Reading a ledger: leaves, proofs, checkpoints, and where a reading is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qcot.certificates.register import Register
from qcot.crypto import merkle
from qcot.crypto.signing import ALGORITHMS, PublicKey
from qcot.errors import QcotError
from qcot.ledger import checkpoint, qblock, schema, transactions
from qcot.ledger.checkpoint import Checkpoint
from qcot.ledger.problems import INDEX_DIFFERS, LEDGER_CORRUPT, LEDGER_FOREIGN, LEDGER_MISSING
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.rules import Device, message_in
from qcot.ledger.statements import Standing, Taken
from qcot.ledger.stored import StoredRun, StoredSigned, Totals
from qcot.ledger.transactions import FrameEntry
from qcot.link import chain
from qcot.link.messages import Readings
from qcot.records.rules import RecordBook

_BATCH = 256  # leaves fetched at a time


class Reader:
    """A ledger open for reading, beside a running gateway if there is one."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self.path = path
        with schema.errors(path):
            meta: dict[str, str] = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        try:
            self.site, self.origin = meta["site"], meta["origin"]
            self.authority = read_authority(meta["authority"])
        except KeyError as error:
            raise QcotError(LEDGER_FOREIGN, f"{path} does not say its {error}") from error
        except (ValueError, QcotError) as error:
            raise QcotError(LEDGER_CORRUPT, f"{path}: the authority's key does not read: {error}") from error

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for reading only; raises `ledger-missing`, `ledger-foreign` or `ledger-corrupt`."""
        if not path.is_file():
            raise QcotError(LEDGER_MISSING, f"{path} is not there")
        connection = schema.connect(path, writable=False)
        try:
            with schema.errors(path):
                schema.check_version(connection, path)
            return cls(connection, path)
        except BaseException:
            connection.close()
            raise

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        self._db.close()

    def check_structure(self) -> None:
        """Raise `ledger-corrupt` unless SQLite finds its own structures whole; reads the whole file."""
        with schema.errors(self.path):
            schema.check_structure(self._db, self.path)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Within it every read sees the same state, whatever a gateway appends meanwhile."""
        with schema.errors(self.path):
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def size(self) -> int:
        """Number of leaves."""
        (last,) = self._row("SELECT max(idx) FROM leaf") or (None,)
        return 0 if last is None else int(last) + 1

    def leaf(self, index: int) -> bytes:
        """The bytes of a leaf; raises LookupError where there is none."""
        row = self._row("SELECT bytes FROM leaf WHERE idx = ?", index)
        if row is None:
            raise LookupError(f"no leaf {index}")
        return bytes(row[0])

    def leaves(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Leaves from ``start`` up to ``end``, in order, with their indexes; a hole raises `ledger-corrupt`."""
        end = self.size() if end is None else end
        at = start
        while at < end:
            upper = min(at + _BATCH, end)
            rows = self._rows("SELECT idx, bytes FROM leaf WHERE idx >= ? AND idx < ? ORDER BY idx", at, upper)
            if [row[0] for row in rows] != list(range(at, upper)):
                raise QcotError(LEDGER_CORRUPT, f"{self.path}: a leaf from {at} to {upper - 1} is missing")
            yield from rows
            at = upper

    def node(self, level: int, index: int) -> bytes:
        """Hash of a complete subtree (merkle.NodeReader); raises `ledger-corrupt` where it should be and is not."""
        row = self._row("SELECT hash FROM node WHERE level = ? AND idx = ?", level, index)
        if row is None or len(row[0]) != merkle.HASH_SIZE:
            raise QcotError(LEDGER_CORRUPT, f"{self.path}: tree node {level}/{index} is missing")
        return bytes(row[0])

    def header(self, height: int) -> qblock.Header | None:
        """The Qblock header of ``height``, if there is one."""
        row = self._row("SELECT bytes FROM qblock JOIN leaf ON idx = leaf WHERE height = ?", height)
        return None if row is None else self._header(row[0])

    def height(self) -> int:
        """Number of Qblocks."""
        (last,) = self._row("SELECT max(height) FROM qblock") or (None,)
        return 0 if last is None else int(last) + 1

    def qblock_leaves(self) -> list[tuple[int, int]]:
        """Height and leaf index of every Qblock header, in order."""
        return self._rows("SELECT height, leaf FROM qblock ORDER BY height")

    def header_closing(self, leaf: int) -> qblock.Header | None:
        """The header of the Qblock that closed the run with the transaction at ``leaf``, if it is closed."""
        row = self._row(
            "SELECT l.bytes FROM qblock q JOIN leaf l ON l.idx = q.leaf WHERE q.leaf > ? ORDER BY q.leaf LIMIT 1", leaf
        )
        return None if row is None else self._header(row[0])

    def checkpoint(self, size: int | None = None) -> str | None:
        """Checkpoint text over the tree of exactly ``size`` leaves, or the newest one, with all its cosignatures.

        The gateway's own part comes first, byte for byte as it was given out.
        """
        if size is None:
            row = self._row("SELECT size, text FROM checkpoint ORDER BY size DESC LIMIT 1")
        else:
            row = self._row("SELECT size, text FROM checkpoint WHERE size = ?", size)
        if row is None:
            return None
        lines = self._rows("SELECT line FROM cosignature WHERE size = ? ORDER BY rowid", row[0])
        return "".join([row[1], *(line for (line,) in lines)])

    def checkpoints_over(self, leaf: int) -> Iterator[str]:
        """Checkpoints over trees with this leaf: the newest, then those that somebody cosigned, newest first."""
        (newest,) = self._row("SELECT max(size) FROM checkpoint WHERE size > ?", leaf) or (None,)
        cosigned = self._rows("SELECT DISTINCT size FROM cosignature WHERE size > ? ORDER BY size DESC", leaf)
        for size in dict.fromkeys([newest, *(size for (size,) in cosigned)]):
            if size is not None and (text := self.checkpoint(size)) is not None:
                yield text

    def newest_sizes(self, count: int) -> list[int]:
        """Sizes of the newest ``count`` trees that have a checkpoint, newest first."""
        return [size for (size,) in self._rows("SELECT size FROM checkpoint ORDER BY size DESC LIMIT ?", count)]

    def cosigned_by(self, name: str) -> int:
        """Size of the newest tree that the witness ``name`` has cosigned; 0 where there is none."""
        (size,) = self._row("SELECT max(size) FROM cosignature WHERE name = ?", name) or (None,)
        return 0 if size is None else int(size)

    def cosignatures(self) -> list[tuple[int, str]]:
        """Size of the tree and line of every cosignature."""
        return self._rows("SELECT size, line FROM cosignature ORDER BY size")

    def anchors(self) -> list[tuple[int, bytes]]:
        """Size of the tree and bytes of every anchor."""
        return self._rows("SELECT size, statement FROM anchor ORDER BY size")

    def anchor(self) -> bytes | None:
        """The newest anchor, if there is one."""
        row = self._row("SELECT statement FROM anchor ORDER BY size DESC LIMIT 1")
        return None if row is None else bytes(row[0])

    def signed(self) -> Checkpoint | None:
        """The newest checkpoint, read; raises `ledger-corrupt` where it does not read."""
        text = self.checkpoint()
        try:
            return None if text is None else checkpoint.parse(text)
        except QcotError as error:
            raise QcotError(LEDGER_CORRUPT, f"{self.path}: a checkpoint does not read: {error.reason}") from error

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """All checkpoints as (size, text), oldest first."""
        yield from self._rows("SELECT size, text FROM checkpoint ORDER BY size")

    def count_checkpoints(self) -> int:
        """Number of checkpoints."""
        (count,) = self._row("SELECT count(*) FROM checkpoint") or (0,)
        return int(count)

    def next_sequence(self, bridge: str) -> int:
        """The sequence that is wanted next of ``bridge``."""
        (last,) = self._row("SELECT max(sequence) FROM answer WHERE bridge = ?", bridge) or (None,)
        return 1 if last is None else int(last) + 1

    def answer(self, bridge: str, sequence: int) -> Answer | None:
        """What was answered for good to the transaction ``sequence`` of ``bridge``."""
        row = self._row(
            "SELECT hash, leaf, name, reason FROM answer WHERE bridge = ? AND sequence = ?", bridge, sequence
        )
        return None if row is None else _answer(sequence, *row)

    def answer_to(self, bridge: str, digest: bytes) -> Answer | None:
        """What was answered for good to the transaction of ``bridge`` with this hash."""
        row = self._row(
            "SELECT sequence, hash, leaf, name, reason FROM answer WHERE hash = ? AND bridge = ?", digest, bridge
        )
        return None if row is None else _answer(*row)

    def count_accepted(self) -> int:
        """Number of transactions that were answered as accepted."""
        (count,) = self._row("SELECT count(leaf) FROM answer") or (0,)
        return int(count)

    def bridge_with_hole(self) -> str | None:
        """A bridge whose sequences that were answered for good are not 1, 2, 3 and so on."""
        row = self._row(
            "SELECT bridge FROM answer GROUP BY bridge HAVING min(sequence) != 1 OR max(sequence) != count(*)"
        )
        return None if row is None else str(row[0])

    def totals(self) -> Totals:
        """What the ledger holds now, counted."""
        (readings,) = self._row("SELECT total(count) FROM run") or (0,)
        refused = self._rows("SELECT name, count(*) FROM answer WHERE leaf IS NULL GROUP BY name")
        qblocks = self.height()
        return Totals(self.size() - qblocks, int(readings), qblocks, dict(refused))

    def find_transaction(self, digest: bytes) -> int | None:
        """Leaf index of the transaction with this hash, if it was accepted."""
        row = self._row("SELECT leaf FROM answer WHERE hash = ? AND leaf IS NOT NULL", digest)
        return None if row is None else int(row[0])

    def find_reading(self, device: bytes, epoch: int, seq: int) -> StoredRun | None:
        """The run that holds reading ``seq`` of ``device`` in ``epoch``."""
        run = self._newest_run(device, epoch, seq)
        return None if run is None or seq >= run.first + run.count else run

    def _newest_run(self, device: bytes, epoch: int, seq: int) -> StoredRun | None:
        """The run that holds reading ``seq``, or ended before it."""
        row = self._row(
            "SELECT first, count, leaf, entry, link_before FROM run WHERE device = ? AND epoch = ? AND first <= ? "
            "ORDER BY first DESC LIMIT 1",
            device, epoch, seq,
        )  # fmt: skip
        return None if row is None else StoredRun(device, epoch, *row)

    def link_at(self, device: bytes, epoch: int, seq: int, before: int | None = None) -> bytes | None:
        """The link with which a frame ends before reading ``seq``, in a leaf below ``before``; None where none does.

        Raises `index-differs` where the table of readings is not what the leaves give.
        """
        last = max(seq - 1, 0)
        run = self._newest_run(device, epoch, last)
        if run is not None and before is not None and run.leaf >= before:
            return None
        said = None if run is None else self._readings_of(run)
        if said is None or last >= said.end:
            self._require_end(device, epoch, last)
            return None
        if seq == 0:
            return chain.genesis(device, epoch)
        return said.link if said.end == seq else None

    def _readings_of(self, run: StoredRun) -> Readings:
        """What the board said in ``run``, from its leaf; raises `index-differs` where that holds anything else."""
        (raw,) = self._row("SELECT bytes FROM leaf WHERE idx = ?", run.leaf) or (b"",)
        with suppress(LookupError, QcotError):
            entry = transactions.parse(raw).entries[run.entry]
            if isinstance(entry, FrameEntry) and (entry.device, entry.epoch) == (run.device, run.epoch):
                said = message_in(entry)
                if isinstance(said, Readings) and (said.first, said.count) == (run.first, run.count):
                    return said
        raise QcotError(INDEX_DIFFERS, f"{self.path}: reading {run.first} of {run.device.hex()} is not at {run.leaf}")

    def _require_end(self, device: bytes, epoch: int, seq: int) -> None:
        """Raise `index-differs` where readings of ``epoch`` at or after ``seq``, which no run holds, are known."""
        later = self._row("SELECT 1 FROM run WHERE device = ? AND epoch = ? AND first > ?", device, epoch, seq)
        reached = self._row("SELECT 1 FROM device WHERE id = ? AND epoch = ? AND next_seq > ?", device, epoch, seq)
        if later or reached:
            raise QcotError(INDEX_DIFFERS, f"{self.path}: reading {seq} of {device.hex()} has no place")

    def next_lms_leaves(self) -> dict[bytes, int]:
        """The next leaf that may sign, of every LMS key that has."""
        return dict(self._rows("SELECT key, max(lms_leaf) + 1 FROM signed GROUP BY key"))

    def signed_by_boards(self) -> list[StoredSigned]:
        """Every checkpoint that a board signed itself, in the order of the log."""
        rows = self._rows("SELECT key, lms_leaf, device, epoch, seq, leaf, entry FROM signed ORDER BY leaf, entry")
        return [StoredSigned(*row) for row in rows]

    def signed_after(self, device: bytes, epoch: int, seq: int) -> StoredSigned | None:
        """The first checkpoint of ``device`` that covers reading ``seq`` of ``epoch``."""
        row = self._row(
            "SELECT key, lms_leaf, device, epoch, seq, leaf, entry FROM signed WHERE device = ? AND epoch = ? "
            "AND seq > ? ORDER BY seq, leaf, entry LIMIT 1",
            device, epoch, seq,
        )  # fmt: skip
        return None if row is None else StoredSigned(*row)

    def count_runs(self) -> int:
        """Number of frames of readings in the log."""
        (count,) = self._row("SELECT count(*) FROM run") or (0,)
        return int(count)

    def devices(self) -> dict[bytes, Device]:
        """Where the chain of every enrolled device stands."""
        rows = self._rows("SELECT id, key_commitment, epoch, next_seq, link FROM device")
        return {device: Device(*rest) for device, *rest in rows}

    def enrolment_places(self) -> dict[bytes, tuple[int, int]]:
        """Leaf and entry of the newest enrolment of every device."""
        return {device: (leaf, entry) for device, leaf, entry in self._rows("SELECT id, leaf, entry FROM device")}

    def statements(self) -> Iterator[tuple[int, int, bytes]]:
        """Every statement with its leaf and entry, in order."""
        yield from self._rows("SELECT leaf, entry, bytes FROM statement ORDER BY leaf, entry")

    def standing(self) -> Standing:
        """What all statements have brought about, replayed as they are stored; raises `ledger-corrupt`."""
        standing, leaf, by = Standing(Register(self.authority, self.site)), -1, b""
        for at, entry, raw in self.statements():
            try:
                if at != leaf:
                    leaf, by = at, transactions.envelope(self.leaf(at)).kid
                standing, _ = standing.after(raw, Taken(by, 0, check=False))
            except (QcotError, LookupError) as error:
                raise QcotError(LEDGER_CORRUPT, f"{self.path}: statement {entry} of leaf {at}: {error}") from error
        return standing

    def register(self) -> Register:
        """Every certificate of the log, and which of them still hold; raises `ledger-corrupt`."""
        return self.standing().register

    def record_book(self) -> RecordBook:
        """What the log says of records; raises `ledger-corrupt`."""
        return self.standing().records

    def open_time(self) -> tuple[int, int] | None:
        """When the open run's newest transaction was judged, and the first ms that is too late for its Qblock."""
        rows = dict(self._rows("SELECT key, value FROM meta"))
        try:
            return int(rows[schema.OPEN_TIME]), int(rows[schema.OPEN_UNTIL])
        except (KeyError, ValueError):
            return None

    def _header(self, raw: bytes) -> qblock.Header:
        try:
            return qblock.parse(raw)
        except QcotError as error:
            raise QcotError(LEDGER_CORRUPT, f"{self.path}: a Qblock header does not read: {error.reason}") from error

    def _row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        with schema.errors(self.path):
            try:
                row: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
            except OverflowError:  # no column holds a number of more than 64 bits
                return None
        return row

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with schema.errors(self.path):
            return self._db.execute(statement, values).fetchall()


def write_authority(key: PublicKey) -> str:
    """The root's public key as the file keeps it."""
    return f"{key.algorithm.name} {key.raw.hex()}"


def read_authority(text: str) -> PublicKey:
    """What :func:`write_authority` wrote; raises ValueError, KeyError or QcotError `bad-key`."""
    name, raw = text.split()
    return PublicKey(ALGORITHMS[name], bytes.fromhex(raw))


def _answer(sequence: int, digest: bytes, leaf: int | None, name: str, reason: str) -> Answer:
    status = Status.REFUSED if leaf is None else Status.ACCEPTED
    return Answer(digest, sequence, status, leaf, name, reason)
