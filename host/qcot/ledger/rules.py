"""Which transaction may follow which: who signed, enrolment, bridge sequence and every device's chain, without I/O.

Gateway and verifier judge by the same functions. What holds after every accepted transaction:

- who signed it held a certificate as that bridge under that policy when it was judged;
- so did each of its boards, as one of that bridge's or of any bridge's;
- each device in the state was enrolled by an entry at or before its first frame, and keeps that entry's commitment;
- a device's ``next_seq`` readings of ``epoch`` are in the log without a hole, and ``link`` is the link after the last;
- an epoch is never gone back to;
- a board's own checkpoint is signed by its certificate's key, with a leaf beyond all before, at the end of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from qcot.certificates.certificate import Certificate, Role
from qcot.certificates.problems import CERTIFICATE_UNKNOWN, POLICY_FOREIGN
from qcot.certificates.register import Register
from qcot.errors import Problem, QcotError
from qcot.ledger import signed
from qcot.ledger.problems import (
    BAD_FRAME,
    CHAIN_BROKEN,
    CHAIN_GAP,
    CHAIN_REPEATED,
    CLOCK_AHEAD,
    DEVICE_KEY_CHANGED,
    NOT_CERTIFIED,
    NOT_ENROLLED,
    OF_THE_STORE,
    SEQUENCE_AHEAD,
    SEQUENCE_REUSED,
    STALE_EPOCH,
    WRONG_SITE,
)
from qcot.ledger.signed import LinkAt, Signed
from qcot.ledger.statements import NO_END, Standing, Taken
from qcot.ledger.transactions import (
    DEVICE_SIZE,
    CheckpointEntry,
    EnrolmentEntry,
    FrameEntry,
    StatementEntry,
    Transaction,
)
from qcot.link import chain, frames, messages

NO_EPOCH = -1


@dataclass(frozen=True, slots=True)
class Device:
    """Where a device's chain stands; ``epoch`` is -1 before its first frame."""

    commitment: bytes
    epoch: int = NO_EPOCH
    next_seq: int = 0
    link: bytes = b""


@dataclass(frozen=True, slots=True)
class State:
    """What decides on a bridge's next transaction: the sequence wanted, devices by id, what statements have brought
    about, and at which ``time`` in ms it is judged. ``leaves`` and ``link_at`` are what checkpoints are judged by."""

    site: str
    next_sequence: int
    devices: Mapping[bytes, Device]
    standing: Standing
    time: int
    leaves: Mapping[bytes, int] = field(default_factory=dict)
    link_at: LinkAt = lambda _device, _epoch, _seq: None

    @property
    def seconds(self) -> int:
        """``time`` as certificates have it."""
        return self.time // 1000


@dataclass(frozen=True, slots=True)
class Run:
    """Readings ``first`` to ``first + count - 1`` of a device's epoch, in entry ``entry``; the link before them."""

    entry: int
    device: bytes
    epoch: int
    first: int
    count: int
    link_before: bytes


@dataclass(frozen=True, slots=True)
class Accept:
    """It may be appended. ``devices`` holds the new state of each device it touches, ``runs`` its readings, ``signed``
    the checkpoints in it.

    ``until`` is the first ms at which a certificate that it stands on would have ended.
    """

    devices: Mapping[bytes, Device]
    runs: tuple[Run, ...]
    standing: Standing
    until: int
    signed: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """It never will be. ``entry`` is the first entry that is wrong, None where it is the transaction itself."""

    problem: Problem
    reason: str
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """It may be, after what is missing has come."""

    problem: Problem
    reason: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """It was there before, and keeps the answer it got."""


Verdict = Accept | Refuse | Later | Duplicate


class _NotFollowingError(QcotError):
    """An entry does not follow from the state."""


def judge(state: State, transaction: Transaction, earlier: bytes | None = None) -> Verdict:
    """Judge a transaction whose signature holds.

    ``earlier`` is the hash of the transaction formerly answered for good under the same bridge and sequence, if any.
    """
    if transaction.site != state.site:
        return Refuse(WRONG_SITE, f"site {transaction.site}, this ledger is that of {state.site}")
    if transaction.sequence > state.next_sequence:
        return Later(SEQUENCE_AHEAD, f"sequence {transaction.sequence}, wanted is {state.next_sequence}")
    if transaction.sequence < state.next_sequence:
        if earlier == transaction.hash:
            return Duplicate()
        return Refuse(SEQUENCE_REUSED, f"sequence {transaction.sequence} was used by another transaction")
    return judge_content(state, transaction)


def judge_content(state: State, transaction: Transaction) -> Accept | Refuse | Later:
    """Judge all but site and sequence: statements, then who signed, then the other entries, in order.

    Raises what is wrong with the ledger itself, by ``link_at``: that is no judgement on the transaction.

    Who signed without being certified uses up no sequence: else whoever was a bridge once could take it from the one
    that is, and a bridge that waits for its certificate would lose what it signed meanwhile.
    """
    standing, until = state.standing, NO_END
    refused: Refuse | None = None
    for at, entry in enumerate(transaction.entries):
        if isinstance(entry, StatementEntry):
            try:
                standing, end = standing.after(entry.statement, Taken(transaction.kid, state.time))
            except QcotError as error:
                refused = Refuse(error.problem, f"entry {at}: {error.reason}", at)
                break
            until = min(until, end)
    try:
        signer = _signer(state, standing.register, transaction)
    except QcotError as error:
        return Later(refused.problem, refused.reason) if refused else Later(error.problem, error.reason)
    return refused or _judge_devices(state, transaction, standing, min(until, signer.not_after * 1000))


def _signer(state: State, after: Register, transaction: Transaction) -> Certificate:
    """The certificate of who signed, which may have come in this very transaction, or have ended in it."""
    try:
        return _bridge(after, state, transaction)
    except QcotError:
        if after is state.standing.register:
            raise
        try:
            return _bridge(state.standing.register, state, transaction)
        except QcotError:
            pass
        raise


def _bridge(register: Register, state: State, transaction: Transaction) -> Certificate:
    kid, policy = transaction.kid, transaction.policy
    found = register.require(kid, Role.BRIDGE, state.seconds, transaction.bridge)
    if found.policy != policy:
        other = _another(register, kid, state, lambda each: each.name == found.name and each.policy == policy)
        if other is None:
            raise QcotError(POLICY_FOREIGN, f"policy {policy}, bridge {found.name} is certified for {found.policy}")
        return other
    return found


def _another(register: Register, kid: bytes, state: State, fits: Callable[[Certificate], bool]) -> Certificate | None:
    """A certificate of the holder ``kid`` besides the newest that holds now: two may overlap."""
    role = Role.BOARD if len(kid) == DEVICE_SIZE else Role.BRIDGE
    return next((each for each in register.of_role(role, state.seconds) if each.kid == kid and fits(each)), None)


def _judge_devices(state: State, transaction: Transaction, standing: Standing, until: int) -> Accept | Refuse:
    changed: dict[bytes, Device] = {}
    certified: dict[bytes, Certificate] = {}
    runs: list[Run] = []
    signatures = _Signatures(state, standing, changed, runs)
    at = 0
    try:
        for at, entry in enumerate(transaction.entries):
            if isinstance(entry, StatementEntry):
                continue
            known = changed.get(entry.device) or state.devices.get(entry.device)
            if isinstance(entry, EnrolmentEntry):
                changed[entry.device] = _enrol(known, entry)
                certified[entry.device] = _enrolling(state, standing.register, entry)
                certified[entry.device].require_bridge(transaction.bridge)
                continue
            if known is None:
                raise _NotFollowingError(NOT_ENROLLED, f"device {entry.device.hex()}")
            if entry.device not in certified:
                certified[entry.device] = standing.register.require(entry.device, Role.BOARD, state.seconds)
                certified[entry.device].require_bridge(transaction.bridge)
            if isinstance(entry, CheckpointEntry):
                until = min(until, signatures.take(entry, at).not_after * 1000)
                continue
            changed[entry.device], run = follow(known, entry, at)
            if run is not None:
                runs.append(run)
    except QcotError as error:
        if error.problem in OF_THE_STORE:
            raise
        return Refuse(error.problem, f"entry {at}: {error.reason}", at)
    until = min([until, *(each.not_after * 1000 for each in certified.values())])
    return Accept(changed, tuple(runs), standing, until, tuple(signatures.found))


class _Signatures:
    """The checkpoints of a transaction, judged by what was before it and by ``changed`` and ``runs``, which grow."""

    def __init__(self, state: State, standing: Standing, changed: Mapping[bytes, Device], runs: list[Run]) -> None:
        self._state, self._standing, self._changed, self._runs = state, standing, changed, runs
        self._leaves: dict[bytes, int] = {}
        self.found: list[Signed] = []

    def take(self, entry: CheckpointEntry, at: int) -> Certificate:
        """The certificate that it stands by; raises why it does not stand."""
        held = self._standing.register.holding(entry.device, Role.BOARD, self._state.seconds)
        leaves = {**self._state.leaves, **self._leaves}
        found, certificate = signed.judge(entry, at, held, leaves, self._link_at)
        self._leaves[found.key] = found.leaf + 1
        self.found.append(found)
        return certificate

    def _link_at(self, device: bytes, epoch: int, seq: int) -> bytes | None:
        now = self._changed.get(device) or self._state.devices[device]
        if (epoch, seq) == (now.epoch, now.next_seq):
            return now.link
        for run in self._runs:
            if (device, epoch, seq) == (run.device, run.epoch, run.first):
                return run.link_before
        return self._state.link_at(device, epoch, seq)


def follow(device: Device, entry: FrameEntry, at: int = 0) -> tuple[Device, Run | None]:
    """The device after its frame, and the readings in it; raises QcotError named by what does not follow."""
    message = message_in(entry)
    if entry.epoch < device.epoch:
        raise _NotFollowingError(
            STALE_EPOCH, f"epoch {entry.epoch} of {entry.device.hex()}, it has reached {device.epoch}"
        )
    if entry.epoch > device.epoch:
        device = replace(device, epoch=entry.epoch, next_seq=0, link=chain.genesis(entry.device, entry.epoch))
    if isinstance(message, messages.Readings):
        return _follow_readings(device, entry, message, at)
    return _follow_opened(device, entry, message), None


def message_in(entry: FrameEntry) -> messages.Readings | messages.Opened:
    """What the board said; raises `bad-frame`. Whether its MAC holds, only who has the board's key can tell."""
    frame = frames.parse(entry.frame)
    if frame is None:
        raise _NotFollowingError(BAD_FRAME, f"frame of {entry.device.hex()} has a wrong CRC")
    try:
        message = messages.decode(frame)
    except QcotError as error:
        raise _NotFollowingError(BAD_FRAME, f"frame of {entry.device.hex()}: {error.reason}") from error
    if not isinstance(message, messages.Readings | messages.Opened) or not frame.flags & frames.AUTH:
        raise _NotFollowingError(BAD_FRAME, f"frame of {entry.device.hex()} is not READINGS or OPENED with a MAC")
    return message


def _enrolling(state: State, register: Register, entry: EnrolmentEntry) -> Certificate:
    """The certificate that says the same of the device's key."""

    def says_so(each: Certificate) -> bool:
        return each.board is not None and each.board.commitment == entry.commitment

    try:
        found = register.require(entry.device, Role.BOARD, state.seconds)
    except QcotError as error:
        if error.problem != CERTIFICATE_UNKNOWN:
            raise
        raise _NotFollowingError(NOT_CERTIFIED, f"no certificate of device {entry.device.hex()}") from error
    if says_so(found):
        return found
    other = _another(register, entry.device, state, says_so)
    if other is None:
        raise _NotFollowingError(NOT_CERTIFIED, f"device {entry.device.hex()} is certified with another key")
    return other


def _enrol(known: Device | None, entry: EnrolmentEntry) -> Device:
    if known is None:
        return Device(entry.commitment)
    if known.commitment != entry.commitment:
        raise _NotFollowingError(DEVICE_KEY_CHANGED, f"device {entry.device.hex()} was enrolled with another key")
    return known


def _follow_readings(device: Device, entry: FrameEntry, message: messages.Readings, at: int) -> tuple[Device, Run]:
    first = message.first
    if first != device.next_seq:
        problem = CHAIN_GAP if first > device.next_seq else CHAIN_REPEATED
        raise _NotFollowingError(problem, f"reading {first} of {entry.device.hex()}, next is {device.next_seq}")
    link = chain.extend(device.link, first, message.records)
    if link != message.link:
        raise _NotFollowingError(
            CHAIN_BROKEN, f"link after readings {first} to {message.end - 1} of {entry.device.hex()} is another"
        )
    _require_past(entry, message)
    run = Run(at, entry.device, entry.epoch, first, message.end - first, device.link)
    return Device(device.commitment, entry.epoch, message.end, link), run


def _require_past(entry: FrameEntry, message: messages.Readings) -> None:
    """No reading was taken after the bridge had it, as far as its clock can be wrong."""
    if entry.clock is None:
        return
    first, last = chain.span(message.records)
    if not entry.clock.is_past(last, first, entry.received):
        raise _NotFollowingError(
            CLOCK_AHEAD, f"reading {message.end - 1} of {entry.device.hex()} would be later than its receipt"
        )


def _follow_opened(device: Device, entry: FrameEntry, message: messages.Opened) -> Device:
    """A board may hold readings that are in the log already, never lack some that are not."""
    if (message.device, message.epoch) != (entry.device, entry.epoch):
        raise _NotFollowingError(
            BAD_FRAME, f"OPENED is of {message.device.hex()} epoch {message.epoch}, its entry says "
            f"{entry.device.hex()} epoch {entry.epoch}"
        )  # fmt: skip
    if message.base > device.next_seq:
        raise _NotFollowingError(
            CHAIN_GAP, f"{entry.device.hex()} goes on at {message.base}, next is {device.next_seq}"
        )
    if message.base == device.next_seq and message.base_link != device.link:
        raise _NotFollowingError(CHAIN_BROKEN, f"link before reading {message.base} of {entry.device.hex()} is another")
    return device
