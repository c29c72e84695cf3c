"""Which transaction may follow which: enrolment, bridge sequence and the chain of every device, without I/O.

Gateway and verifier judge by the same functions. What holds after every accepted transaction:

- each device in the state was enrolled by an entry at or before its first frame, and keeps that entry's commitment;
- a device's ``next_seq`` readings of ``epoch`` are in the log without a hole, and ``link`` is the link after the last;
- an epoch is never gone back to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from qcot.errors import Problem, QcotError
from qcot.ledger.problems import (
    BAD_FRAME,
    CHAIN_BROKEN,
    CHAIN_GAP,
    CHAIN_REPEATED,
    DEVICE_KEY_CHANGED,
    NOT_ENROLLED,
    SEQUENCE_AHEAD,
    SEQUENCE_REUSED,
    STALE_EPOCH,
    WRONG_SITE,
)
from qcot.ledger.transactions import EnrolmentEntry, FrameEntry, Transaction
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
    """What decides on a bridge's next transaction: the site, the sequence wanted, and devices by id."""

    site: str
    next_sequence: int
    devices: Mapping[bytes, Device]


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
    """It may be appended. ``devices`` holds the new state of each device it touches, ``runs`` its readings."""

    devices: Mapping[bytes, Device]
    runs: tuple[Run, ...]


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
    return judge_entries(state.devices, transaction)


def judge_entries(devices: Mapping[bytes, Device], transaction: Transaction) -> Accept | Refuse:
    """Judge the entries alone, in order, each on the state that those before it leave."""
    changed: dict[bytes, Device] = {}
    runs: list[Run] = []
    at = 0
    try:
        for at, entry in enumerate(transaction.entries):
            device = changed.get(entry.device) or devices.get(entry.device)
            if isinstance(entry, EnrolmentEntry):
                changed[entry.device] = _enrol(device, entry)
            else:
                if device is None:
                    raise _NotFollowingError(NOT_ENROLLED, f"device {entry.device.hex()}")
                changed[entry.device], run = follow(device, entry, at)
                if run is not None:
                    runs.append(run)
    except QcotError as error:
        return Refuse(error.problem, f"entry {at}: {error.reason}", at)
    return Accept(changed, tuple(runs))


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
    run = Run(at, entry.device, entry.epoch, first, message.end - first, device.link)
    return Device(device.commitment, entry.epoch, message.end, link), run


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
