"""Recompute a whole ledger from its stored bytes and name the first thing that is wrong.

Nothing that the store says about its leaves is believed: tree, signatures, certificates, records, device chains,
Qblocks and checkpoints are computed again, and the store's own tables are then compared with what came out.

Who might sign what is judged at the time of the Qblock that closed it; in the open run, when the store says it was.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256

from qcot.certificates import certificate
from qcot.certificates.certificate import Role
from qcot.certificates.register import Register
from qcot.crypto import merkle
from qcot.crypto.merkle import Frontier
from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError
from qcot.ledger import attachments, checkpoint, qblock, rules
from qcot.ledger.ahead import Checked, ahead
from qcot.ledger.keepers import Keepers
from qcot.ledger.problems import (
    BAD_LEAF,
    CHECKPOINT_MISSING,
    INDEX_DIFFERS,
    QBLOCK_VALIDATION,
    ROOT_DIFFERS,
    SEQUENCE_MISSING,
    SEQUENCE_REUSED,
    WRONG_SITE,
)
from qcot.ledger.reader import Reader
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.rules import Device
from qcot.ledger.statements import Standing
from qcot.ledger.stored import StoredRun, StoredSigned
from qcot.ledger.transactions import EnrolmentEntry, StatementEntry, Transaction
from qcot.ledger.trust import Trust
from qcot.quantum.qblock import Patch

_PROGRESS_EVERY = 64
_SIMULATED_TOGETHER = 64  # Qblocks: one by one, their jobs cost up to half of the time

Progress = Callable[[int, int], None]
"""Called with leaves done and leaves in all."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The first thing that is wrong: the leaf (None for a table), what it is, and why in a :class:`QcotError`."""

    leaf: int | None
    what: str
    problem: Problem
    reason: str

    def __str__(self) -> str:
        """In one line."""
        return f"{self.what}: {self.problem.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Counts:
    """What was recomputed and found right, up to the failure if there is one."""

    leaves: int = 0
    transactions: int = 0
    readings: int = 0
    qblocks: int = 0
    checkpoints: int = 0
    devices: int = 0


@dataclass(frozen=True, slots=True)
class SignedByBoard:
    """A board signed ``checkpoints`` of its chain itself, the last of them over all before ``seq`` of ``epoch``."""

    device: bytes
    checkpoints: int
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Result:
    """``signed`` leaves are under a good checkpoint; those after it wait for their Qblock."""

    counts: Counts
    size: int
    root: bytes
    signed: int
    failure: Failure | None
    boards: tuple[SignedByBoard, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether everything was found right."""
        return self.failure is None


def verify(ledger: Reader, trust: Trust, *, shots: int = 0, seed: int = 0, progress: Progress | None = None) -> Result:
    """Verify ``ledger``; with ``shots`` every Qblock's local check is run again by simulation with that many.

    What is wrong comes back in the result; raises only what keeps the file from being read (`ledger-corrupt`).
    """
    with ledger.snapshot():
        ledger.check_structure()
        size = ledger.size()
        run = _Run(ledger, trust, shots, seed)
        failure = None
        try:
            for leaf, raw, checked in ahead(ledger.leaves(0, size), run.keys):
                run.leaf(leaf, raw, checked)
                if progress is not None and (leaf % _PROGRESS_EVERY == 0 or leaf == size - 1):
                    progress(leaf + 1, size)
            run.simulate()
            run.tables()
        except QcotError as error:
            failure = run.first_failure(error)
    return Result(run.counts, run.tree.size, run.tree.root(), run.signed, failure, run.boards())


@dataclass(frozen=True, slots=True)
class _Simulation:
    """A local check that waits for others, to run in one job with them, and how far all was when its turn came."""

    patch: tuple[Patch, Patch]
    at: int
    what: str
    counts: Counts
    tree: Frontier
    signed: int


class _Run:
    """Everything recomputed so far. ``at`` and ``what`` say what is looked at, for a failure's name."""

    def __init__(self, ledger: Reader, trust: Trust, shots: int, seed: int) -> None:
        self._ledger, self._trust = ledger, trust
        self._keepers = Keepers(trust)
        self._shots, self._seed = shots, seed
        self._sequences: dict[str, int] = {}
        self._devices: dict[bytes, Device] = {}
        self._enrolled: dict[bytes, tuple[int, int]] = {}
        self._lms_leaves: dict[bytes, int] = {}
        self._signed: list[StoredSigned] = []
        self._qblocks: list[tuple[int, int]] = []
        self._headers: list[qblock.Header] = []  # the newest two
        self._burnt: set[bytes] = set()
        self._to_simulate: list[_Simulation] = []
        self._start = 0
        self._runs = 0
        self._standing = Standing(Register(trust.root, trust.site))
        self._statements: list[tuple[int, int, bytes]] = []  # leaf, entry, SHA-256
        self._time: int | None = 0
        self._foreseen: bytes | None = None  # the header that closes this run
        self._run_starts = 0
        self.keys: dict[bytes, PublicKey] = {}
        self.tree = Frontier()
        self.signed = 0
        self.counts = Counts()
        self.at: int | None = None
        self.what = "ledger"

    def leaf(self, at: int, raw: bytes, checked: Checked | None) -> None:
        self.at, self.what = at, f"leaf {at}"
        is_qblock = raw[:1] == bytes((qblock.FIRST_BYTE,))
        if checked is not None:
            if at == self._run_starts:
                self._time = self._time_of_run(at)
            self._transaction(at, *checked.result())
        elif is_qblock:
            self._qblock(at, raw)
        else:
            raise QcotError(BAD_LEAF, f"begins with {raw[:1].hex() or 'nothing'}: no transaction and no Qblock header")
        self.tree, nodes = self.tree.append(merkle.leaf_hash(raw))
        for level, index, digest in nodes:
            if self._ledger.node(level, index) != digest:
                raise QcotError(INDEX_DIFFERS, f"stored tree node {level}/{index} is not the hash of its leaves")
        self.counts = replace(self.counts, leaves=at + 1)
        if is_qblock:
            self._checkpoint(at + 1)

    def simulate(self) -> None:
        """Run the local checks that wait; the first that fails is raised as if it had run in its turn."""
        waiting, self._to_simulate = self._to_simulate, []
        if not waiting:
            return
        first = waiting[0]
        try:
            found = qblock.check_by_simulation([each.patch for each in waiting], self._shots, self._seed + first.at)
        except QcotError as error:  # none of them ran
            found = [error]
        for each, wrong in zip(waiting, found, strict=False):
            if wrong is not None:
                self.at, self.what, self.counts = each.at, each.what, each.counts
                self.tree, self.signed = each.tree, each.signed
                raise wrong

    def first_failure(self, error: QcotError) -> Failure:
        """What is wrong first: ``error``, unless a local check that waited for others fails before it."""
        try:
            self.simulate()
        except QcotError as earlier:
            error = earlier
        return Failure(self.at, self.what, error.problem, error.reason)

    def tables(self) -> None:
        """Compare what the store keeps beside its leaves, as far as it was not when its leaf was read."""
        ledger, counts = self._ledger, self.counts
        self.at = None
        for what, holds, reason in (
            ("devices", ledger.devices() == self._devices, "a device's stored state is not what its chain gives"),
            ("devices", ledger.enrolment_places() == self._enrolled, "it says that a device was enrolled elsewhere"),
            ("statements", self._stored_statements() == self._statements, "it holds others than those in the leaves"),
            ("readings", ledger.count_runs() == self._runs, "it places readings that are not in the leaves"),
            (
                "checkpoints of boards",
                ledger.signed_by_boards() == self._signed,
                "it holds others than those in the leaves",
            ),
            ("answers", ledger.count_accepted() == counts.transactions, "it accepts what is not in the leaves"),
            ("answers", ledger.bridge_with_hole() is None, "a bridge's sequences are not 1, 2, 3 and so on"),
            ("Qblocks", ledger.qblock_leaves() == self._qblocks, "it places Qblock headers elsewhere"),
            (
                "checkpoints",
                ledger.count_checkpoints() == counts.checkpoints,
                "it holds a checkpoint that is not over a tree that ends with a Qblock",
            ),
        ):
            self.what = f"table of {what}"
            if not holds:
                raise QcotError(INDEX_DIFFERS, reason)
        self.what = "cosignatures and anchors"
        attachments.check(ledger, self._keepers.beside(self._standing.register))
        self.counts = replace(counts, devices=len(self._devices))

    def boards(self) -> tuple[SignedByBoard, ...]:
        """What each board signed itself, of those that did, by device id."""
        found: dict[bytes, SignedByBoard] = {}
        for each in self._signed:
            before = found.get(each.device)
            count, upto = (before.checkpoints, (before.epoch, before.seq)) if before else (0, (0, 0))
            found[each.device] = SignedByBoard(each.device, count + 1, *max(upto, (each.epoch, each.seq)))
        return tuple(found[device] for device in sorted(found))

    def _stored_statements(self) -> list[tuple[int, int, bytes]]:
        return [(leaf, entry, sha256(raw).digest()) for leaf, entry, raw in self._ledger.statements()]

    def _time_of_run(self, at: int) -> int | None:
        """When the run that begins at leaf ``at`` is judged: at the time of its Qblock, if that has a good header."""
        last = self._headers[-1].core.time if self._headers else 0
        self._foreseen = None
        with suppress(QcotError):  # which is then found at its leaf
            header = self._ledger.header_closing(at)
            if header is None:
                found = self._ledger.open_time()
                return last if found is None else max(last, found[0])
            qblock.check_walk_hash(header)
            self._foreseen = header.raw
            return header.core.time
        return None

    def _transaction(self, at: int, transaction: Transaction, is_signed: bool) -> None:
        bridge, sequence = transaction.bridge, transaction.sequence
        self.what = f"leaf {at}, transaction {sequence} of bridge {bridge}"
        if not is_signed and (key := self._key_of(transaction)) is not None:
            transaction.verify(key)
        if transaction.site != self._trust.site:
            raise QcotError(WRONG_SITE, f"site {transaction.site}, this ledger is that of {self._trust.site}")
        self._sequence(bridge, sequence)
        time = transaction.time if self._time is None else self._time
        state = rules.State(
            self._trust.site, sequence, self._devices, self._standing, time, self._lms_leaves,
            lambda device, epoch, seq: self._ledger.link_at(device, epoch, seq, before=at),
        )  # fmt: skip
        verdict = rules.judge_content(state, transaction)
        if not isinstance(verdict, rules.Accept):
            raise QcotError(verdict.problem, verdict.reason)
        if verdict.standing is not self._standing:
            self._standing = verdict.standing
            bridges = self._standing.register.of_role(Role.BRIDGE)
            self.keys.update((each.kid, each.key) for each in bridges if each.key is not None)
        self._devices.update(verdict.devices)
        for number, entry in enumerate(transaction.entries):
            if isinstance(entry, EnrolmentEntry):
                self._enrolled[entry.device] = (at, number)
            elif isinstance(entry, StatementEntry):
                self._statements.append((at, number, sha256(entry.statement).digest()))
        accepted = Answer(transaction.hash, sequence, Status.ACCEPTED, at, "", "")
        if self._ledger.answer(bridge, sequence) != accepted:
            raise QcotError(INDEX_DIFFERS, "the table of answers says otherwise of this transaction")
        for run in verdict.runs:
            stored = StoredRun(run.device, run.epoch, run.first, run.count, at, run.entry, run.link_before)
            if self._ledger.find_reading(run.device, run.epoch, run.first) != stored:
                raise QcotError(INDEX_DIFFERS, f"the table of readings says otherwise of entry {run.entry}")
        for each in verdict.signed:
            self._lms_leaves[each.key] = each.leaf + 1
            self._signed.append(StoredSigned(each.key, each.leaf, each.device, each.epoch, each.seq, at, each.entry))
        self._runs += len(verdict.runs)
        readings = sum(run.count for run in verdict.runs)
        counts = self.counts
        self.counts = replace(counts, transactions=counts.transactions + 1, readings=counts.readings + readings)

    def _key_of(self, transaction: Transaction) -> PublicKey | None:
        """The key of who signed, if it is certified here or in the transaction; whether it may, is for the rules."""
        found = self._standing.register.certificate(transaction.kid)
        for raw in transaction.statements if found is None else ():
            with suppress(QcotError):
                brought = certificate.parse(raw)
                found = brought if brought.kid == transaction.kid else found
        return None if found is None else found.key

    def _sequence(self, bridge: str, sequence: int) -> None:
        """Sequences go up; one that is not in the log was refused for good."""
        last = self._sequences.get(bridge, 0)
        if sequence <= last:
            raise QcotError(SEQUENCE_REUSED, f"sequence {sequence} comes after {last}")
        for missing in range(last + 1, sequence):
            answer = self._ledger.answer(bridge, missing)
            if answer is None or answer.leaf is not None:
                raise QcotError(SEQUENCE_MISSING, f"transaction {missing} is neither in the log nor was it refused")
        self._sequences[bridge] = sequence

    def _qblock(self, at: int, raw: bytes) -> None:
        header = qblock.parse(raw)
        previous = self._headers[-1] if self._headers else None
        self.what = f"leaf {at}, Qblock {header.core.height}"
        if previous is None:
            self._start = header.core.time
        else:
            self._require_checkpoint(previous)
        if self._foreseen != raw:
            qblock.check_walk_hash(header)
            if self._run_starts < at and self._time != header.core.time:
                raise QcotError(INDEX_DIFFERS, "the table of Qblocks places another header after its transactions")
        qblock.check_place(header, previous, self._start)
        if (header.core.tree_size, header.core.tree_root) != (at, self.tree.root()):
            raise QcotError(
                ROOT_DIFFERS, f"it says {header.core.tree_root.hex()}, the leaves give {self.tree.root().hex()}"
            )
        qblock.check_qasm(header, self._headers)
        qblock.check_count(header)
        self._validated(header)
        if self._shots:
            patch = qblock.to_simulate(header, self._headers)
            self._to_simulate.append(_Simulation(patch, at, self.what, self.counts, self.tree, self.signed))
            if len(self._to_simulate) == _SIMULATED_TOGETHER:
                self.simulate()
        self._headers = [*self._headers[-1:], header]
        self._qblocks.append((header.core.height, at))
        self._run_starts = at + 1
        self.counts = replace(self.counts, qblocks=self.counts.qblocks + 1)

    def _validated(self, header: qblock.Header) -> None:
        """The validation that a header records could pass, no two were with one key, and after one none is without."""
        qblock.check_validation(header)
        record = header.quantum.validated
        if record is None:
            if self._burnt:
                raise QcotError(QBLOCK_VALIDATION, "it has none of its bookkeeper, and an earlier one has")
            return
        if record.key_id in self._burnt:
            raise QcotError(QBLOCK_VALIDATION, f"key {record.key_id.hex()} validated an earlier Qblock's bookkeeper")
        self._burnt.add(record.key_id)

    def _require_checkpoint(self, header: qblock.Header) -> None:
        """Each header but the newest has one: a gateway signs before it closes the next."""
        if self.signed < header.core.tree_size + 1:
            raise QcotError(CHECKPOINT_MISSING, f"no checkpoint over Qblock {header.core.height}")

    def _checkpoint(self, size: int) -> None:
        text = self._ledger.checkpoint(size)
        if text is None:
            return
        self.what = f"checkpoint of size {size}"
        given = checkpoint.parse(text)
        if (given.origin, given.size, given.root) != (self._ledger.origin, size, self.tree.root()):
            raise QcotError(ROOT_DIFFERS, f"it says {given.root.hex()}, the leaves give {self.tree.root().hex()}")
        self._keepers.require_signed(self._standing.register, given, self._headers[-1].core)
        self.signed = size
        self.counts = replace(self.counts, checkpoints=self.counts.checkpoints + 1)
