"""Writing a ledger. One process writes it; every method is named by what is on disk when it returns.

Each append is one SQLite transaction (WAL, synchronous=FULL): leaves, tree, device states and answers together or not
at all. What is kept in memory moves only after the commit.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections import ChainMap, Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qcot.certificates.register import Register
from qcot.crypto import merkle
from qcot.crypto.keyfile import sync_folder
from qcot.crypto.merkle import Frontier
from qcot.crypto.signing import PublicKey
from qcot.database import transaction
from qcot.errors import QcotError
from qcot.ledger import checkpoint, qblock, rules, schema
from qcot.ledger.problems import (
    CHECKPOINT_CONFLICT,
    INDEX_DIFFERS,
    LEDGER_CORRUPT,
    LEDGER_FOREIGN,
    LEDGER_IO,
    LEDGER_LOCKED,
    QBLOCK_DUE,
    QBLOCK_KEY_REUSED,
    QBLOCK_OUT_OF_PLACE,
)
from qcot.ledger.reader import Reader, write_authority
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.rules import Device
from qcot.ledger.statements import NO_END, Standing
from qcot.ledger.stored import Totals
from qcot.ledger.transactions import EnrolmentEntry, StatementEntry, Transaction


class Ledger(Reader):
    """A ledger open for writing, which holds its lock until it is closed."""

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: int) -> None:
        super().__init__(connection, path)
        self._lock = lock
        self._devices = self.devices()
        self._lms_leaves = self.next_lms_leaves()
        self._sequences: dict[str, int] = {}
        self._last: qblock.Header | None = self.header(self.height() - 1)
        self._start = first.core.time if (first := self.header(0)) else 0
        self._frontier = self._recomputed()
        self._totals = super().totals()
        self._standing = super().standing()
        self._time, self._until = self._last.core.time if self._last else 0, NO_END
        if self.unclosed and (found := self.open_time()):
            self._time, self._until = max(self._time, found[0]), found[1]

    @classmethod
    def open_or_create(cls, path: Path, *, site: str, origin: str, authority: PublicKey) -> Ledger:
        """Open the ledger of ``site`` under the root key ``authority``; where there is none it is made, durably.

        Raises `ledger-locked` when another process writes it, `ledger-foreign` when it is of another site, origin or
        authority, `ledger-corrupt`, `disk-full` or `ledger-io`.
        """
        lock = _lock(path)
        connection = None
        try:
            connection = schema.connect(path, writable=True)
            with schema.errors(path):
                meta = {"site": site, "origin": origin, "authority": write_authority(authority)}
                schema.create_tables(connection, meta)
                schema.check_version(connection, path)
                schema.check_structure(connection, path)
            sync_folder(path.parent)
            ledger = cls(connection, path, lock)
            ledger._require(site, origin, authority)
        except BaseException:
            if connection is not None:
                connection.close()
            os.close(lock)
            raise
        return ledger

    def _require(self, site: str, origin: str, authority: PublicKey) -> None:
        if (self.site, self.origin) != (site, origin):
            raise QcotError(LEDGER_FOREIGN, f"{self.path} is of site {self.site}, origin {self.origin}")
        if self.authority != authority:
            raise QcotError(LEDGER_FOREIGN, f"{self.path} is under the authority {self.authority.kid.hex()}")

    def _note_key(self, header: qblock.Header | None) -> None:
        if header is not None and (record := header.quantum.validated) is not None:
            row = record.key_id, header.core.height
            self._db.execute("INSERT INTO validation_key VALUES (?, ?) ON CONFLICT DO NOTHING", row)

    def require_new_key(self, header: qblock.Header) -> None:
        """Raise `qblock-key-reused` where the key that validated its bookkeeper has validated another's.

        Such a header would be in the log for ever, and no verifier would take the log again.
        """
        if (record := header.quantum.validated) is not None:
            row = self._row("SELECT height FROM validation_key WHERE id = ?", record.key_id)
            if row is not None:
                reason = f"key {record.key_id.hex()} validated the bookkeeper of Qblock {row[0]}: it is from a backup"
                raise QcotError(QBLOCK_KEY_REUSED, reason)

    def close(self) -> None:
        """Let go of the file and its lock; a second time does nothing."""
        super().close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def unclosed(self) -> int:
        """Number of transactions that no Qblock has closed yet."""
        return self._frontier.size - (self._last.core.tree_size + 1 if self._last else 0)

    @property
    def last_header(self) -> qblock.Header | None:
        """The header of the newest Qblock."""
        return self._last

    @property
    def start(self) -> int | None:
        """Time of Qblock 0 in ms."""
        return self._start if self._last else None

    def known_devices(self) -> dict[bytes, Device]:
        """Where the chain of every enrolled device stands, from memory."""
        return dict(self._devices)

    def standing(self) -> Standing:
        """What all statements have brought about, from memory."""
        return self._standing

    def register(self) -> Register:
        """Every certificate of the log, and which of them still hold, from memory."""
        return self._standing.register

    @property
    def last_judged(self) -> int:
        """When the newest transaction was judged or the newest Qblock closed, in ms; nothing is judged earlier."""
        return self._time

    @property
    def closes_before(self) -> int | None:
        """The first ms that is too late for the open run's Qblock, where a certificate of it ends."""
        return None if self._until == NO_END else self._until

    def link_at(self, device: bytes, epoch: int, seq: int, before: int | None = None) -> bytes | None:
        """As of a reader, but for who writes a table that differs is damage: raises `ledger-corrupt`."""
        try:
            return super().link_at(device, epoch, seq, before)
        except QcotError as error:
            if error.problem is not INDEX_DIFFERS:
                raise
            raise QcotError(LEDGER_CORRUPT, error.reason) from error

    def totals(self) -> Totals:
        """What the ledger holds now, counted when it was opened and kept up since."""
        return self._totals

    def wanted(self, bridge: str) -> int:
        """The sequence that is wanted next of ``bridge``."""
        if bridge not in self._sequences:
            self._sequences[bridge] = self.next_sequence(bridge)
        return self._sequences[bridge]

    def append_transactions(self, batch: Sequence[Transaction], now: int | None = None) -> list[Answer]:
        """Judge ``batch`` in order and append what is accepted; on return all answers given for good are on disk.

        Judged at ``now`` in ms (this machine's clock unless given), or at the last Qblock's time or that of what was
        judged before, if that is later. Signatures must have been verified. Idempotent: a transaction that was
        answered for good gets that answer again. Raises `disk-full`, `ledger-io` or `ledger-corrupt`, and then nothing
        of the batch was stored.
        """
        work = _Batch(self, max(time.time_ns() // 1_000_000 if now is None else now, self._time))
        with schema.errors(self.path), transaction(self._db):
            answers = [work.answer(transaction) for transaction in batch]
            work.write_devices()
            work.write_times()
        self._frontier, self._standing = work.frontier, work.standing
        self._time, self._until = work.time_and_until()
        self._devices.update(work.devices.maps[0])
        self._lms_leaves.update(work.lms_leaves.maps[0])
        self._sequences.update(work.sequences)
        self._totals = work.totals()
        return answers

    def next_core(self, time: int, bookkeeper: str) -> qblock.Core:
        """The core of the header that would close the open run at ``time`` ms.

        Never before the header before it, nor before the run was judged, nor after a certificate of the run ended.
        """
        if not self.unclosed:
            raise QcotError(QBLOCK_OUT_OF_PLACE, "no transaction has come since the last Qblock")
        last, size = self._last, self._frontier.size
        return qblock.Core(
            height=last.core.height + 1 if last else 0,
            previous=last.hash if last else qblock.NO_PREVIOUS,
            tree_size=size,
            tree_root=self._frontier.root(),
            first_leaf=size - self.unclosed,
            transactions=self.unclosed,
            time=min(max(time, self._time), self._until - 1),
            bookkeeper=bookkeeper,
        )

    def append_qblock(self, header: qblock.Header) -> int:
        """Append a header that follows; on return it is on disk. Returns its leaf index.

        Raises `qblock-out-of-place` unless it closes exactly the open run, and `qblock-key-reused`.
        """
        self.require_new_key(header)
        start = self._start if self._last else header.core.time
        qblock.check_place(header, self._last, start)
        if (header.core.tree_size, header.core.tree_root) != (self._frontier.size, self._frontier.root()):
            raise QcotError(QBLOCK_OUT_OF_PLACE, f"tree before Qblock {header.core.height} is another")
        if not self._time <= header.core.time < self._until:
            raise QcotError(QBLOCK_OUT_OF_PLACE, f"at the time of Qblock {header.core.height} its run does not hold")
        frontier, nodes = self._frontier.append(merkle.leaf_hash(header.raw))
        leaf = header.core.tree_size
        with schema.errors(self.path), transaction(self._db):
            self._db.execute("INSERT INTO leaf VALUES (?, ?)", (leaf, header.raw))
            self._db.executemany("INSERT INTO node VALUES (?, ?, ?)", nodes)
            self._db.execute("INSERT INTO qblock VALUES (?, ?)", (header.core.height, leaf))
            self._note_key(header)
        self._frontier, self._last, self._start = frontier, header, start
        self._time, self._until = header.core.time, NO_END
        self._totals = replace(self._totals, qblocks=self._totals.qblocks + 1)
        return leaf

    def root_to_sign(self) -> tuple[int, bytes]:
        """Size and root of the tree that ends with the newest Qblock, recomputed from the leaves as they are stored.

        A log has died of publishing a root that its entries could not reproduce. Raises `ledger-corrupt`.
        """
        if self._last is None:
            raise QcotError(CHECKPOINT_CONFLICT, "there is no Qblock yet")
        tree = self._recomputed(self._last.core.tree_size + 1)
        return tree.size, tree.root()

    def store_checkpoint(self, text: str) -> str:
        """Store the checkpoint over the newest Qblock; on return it is on disk and may be given out.

        Where one is stored for this size, that one is returned instead, byte for byte. Raises `checkpoint-conflict`.
        """
        given = checkpoint.parse(text)
        if (given.origin, given.size, given.root) != (self.origin, *self.root_to_sign()):
            raise QcotError(CHECKPOINT_CONFLICT, f"checkpoint of size {given.size} is not over this tree")
        stored = self.checkpoint(given.size)
        if stored is not None:
            return stored
        with schema.errors(self.path), transaction(self._db):
            self._db.execute("INSERT INTO checkpoint VALUES (?, ?)", (given.size, text))
        return text

    def _recomputed(self, end: int | None = None) -> Frontier:
        """The tree as the last checkpoint signed it, grown by the stored leaves from there up to ``end``."""
        signed = self.signed()
        tree = merkle.frontier(signed.size, self.node) if signed else Frontier()
        if signed and tree.root() != signed.root:
            raise QcotError(LEDGER_CORRUPT, f"{self.path}: tree of {signed.size} leaves is not the one that was signed")
        for at, raw in self.leaves(tree.size, end):
            tree, nodes = tree.append(merkle.leaf_hash(raw))
            if any(self.node(level, index) != digest for level, index, digest in nodes):
                raise QcotError(LEDGER_CORRUPT, f"{self.path}: leaf {at} is not the one that was stored")
        return tree


class _Batch:
    """What one append changes, on top of a ledger that it leaves as it is."""

    def __init__(self, ledger: Ledger, time: int) -> None:
        self._ledger = ledger
        self._db = ledger._db
        self._time, self._until = time, ledger._until
        self._is_late = time >= ledger._until
        self.standing = ledger._standing
        self.frontier = ledger._frontier
        self.devices: ChainMap[bytes, Device] = ChainMap({}, ledger._devices)
        self.lms_leaves: ChainMap[bytes, int] = ChainMap({}, ledger._lms_leaves)
        self.sequences: dict[str, int] = {}
        self._enrolled: dict[bytes, tuple[int, int]] = {}
        self._transactions = self._readings = 0
        self._refused: Counter[str] = Counter()

    def totals(self) -> Totals:
        """What the ledger holds once this batch is in it."""
        before = self._ledger.totals()
        return Totals(
            before.transactions + self._transactions,
            before.readings + self._readings,
            before.qblocks,
            Counter(before.refused) + self._refused,
        )

    def answer(self, transaction: Transaction) -> Answer:
        """Judge one transaction, write what follows, and say what came of it."""
        bridge, sequence = transaction.bridge, transaction.sequence
        wanted = self.sequences.get(bridge) or self._ledger.wanted(bridge)
        earlier = self._ledger.answer(bridge, sequence) if sequence < wanted else None
        state = rules.State(
            self._ledger.site, wanted, self.devices, self.standing, self._time, self.lms_leaves, self._ledger.link_at
        )
        match rules.judge(state, transaction, earlier.hash if earlier else None):
            case rules.Accept() if self._is_late:
                reason = f"a certificate of the open run ended at {self._until}"
                return Answer(transaction.hash, sequence, Status.LATER, None, QBLOCK_DUE.name, reason)
            case rules.Accept() as verdict:
                answer = Answer(transaction.hash, sequence, Status.ACCEPTED, self.frontier.size, "", "")
                self._append(transaction, verdict)
            case rules.Duplicate() if earlier:
                return earlier
            case rules.Later(problem, reason):
                return Answer(transaction.hash, sequence, Status.LATER, None, problem.name, reason)
            case rules.Refuse(problem, reason):
                answer = Answer(transaction.hash, sequence, Status.REFUSED, None, problem.name, reason)
                if sequence != wanted:
                    return answer
                self._refused[problem.name] += 1
            case unexpected:
                raise AssertionError(unexpected)
        self.sequences[bridge] = wanted + 1
        self._db.execute(
            "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)",
            (bridge, sequence, answer.hash, answer.leaf, answer.name, answer.reason),
        )
        return answer

    def _append(self, transaction: Transaction, verdict: rules.Accept) -> None:
        leaf = self.frontier.size
        self.frontier, nodes = self.frontier.append(merkle.leaf_hash(transaction.raw))
        self._db.execute("INSERT INTO leaf VALUES (?, ?)", (leaf, transaction.raw))
        self._db.executemany("INSERT INTO node VALUES (?, ?, ?)", nodes)
        self._db.executemany(
            "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(r.device, r.epoch, r.first, r.count, leaf, r.entry, r.link_before) for r in verdict.runs],
        )
        self._db.executemany(
            "INSERT INTO signed VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(s.key, s.leaf, s.device, s.epoch, s.seq, leaf, s.entry) for s in verdict.signed],
        )
        self.lms_leaves.update({each.key: each.leaf + 1 for each in verdict.signed})
        self._transactions += 1
        self._readings += sum(run.count for run in verdict.runs)
        self.devices.maps[0].update(verdict.devices)
        self.standing, self._until = verdict.standing, min(self._until, verdict.until)
        for at, entry in enumerate(transaction.entries):
            if isinstance(entry, EnrolmentEntry):
                self._enrolled[entry.device] = (leaf, at)
            elif isinstance(entry, StatementEntry):
                self._db.execute("INSERT INTO statement VALUES (?, ?, ?)", (leaf, at, entry.statement))

    def time_and_until(self) -> tuple[int, int]:
        """Those of the open run once this batch is in it."""
        return (self._time, self._until) if self._transactions else (self._ledger._time, self._ledger._until)

    def write_times(self) -> None:
        """Write those of the open run, for a gateway that starts anew before its Qblock."""
        if self._transactions:
            values = ((schema.OPEN_TIME, self._time), (schema.OPEN_UNTIL, self._until))
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(key, str(at)) for key, at in values])

    def write_devices(self) -> None:
        """Write the state of each device that the batch touched, once."""
        changed = self.devices.maps[0]
        self._db.executemany(
            "INSERT INTO device VALUES (?, ?, -1, 0, x'', ?, ?) ON CONFLICT DO UPDATE SET leaf = excluded.leaf, "
            "entry = excluded.entry",
            [(device, changed[device].commitment, *place) for device, place in self._enrolled.items()],
        )
        self._db.executemany(
            "UPDATE device SET epoch = ?, next_seq = ?, link = ? WHERE id = ?",
            [(now.epoch, now.next_seq, now.link, device) for device, now in changed.items()],
        )


def _lock(path: Path) -> int:
    """Lock the file beside the ledger; it goes when the process does, however it ends."""
    name = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise QcotError(LEDGER_IO, f"{name}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise QcotError(LEDGER_LOCKED, f"another process writes {path}") from error
    return fd
