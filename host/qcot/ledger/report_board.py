"""The steps of a report that are about the board: its reading, its certificate, and what it signed itself."""

from __future__ import annotations

from qcot.certificates.certificate import BoardClaims, Role
from qcot.crypto import lms
from qcot.errors import QcotError
from qcot.ledger import signed
from qcot.ledger.case import Case, when
from qcot.ledger.evidence import Place
from qcot.ledger.problems import BAD_EVIDENCE, CHAIN_BROKEN, COMMITMENT_DIFFERS, NO_SUCH_CHECKPOINT
from qcot.ledger.rules import message_in
from qcot.ledger.transactions import MAX_UINT32, CheckpointEntry, EnrolmentEntry, FrameEntry
from qcot.link import chain
from qcot.link.chain import Reading
from qcot.link.messages import Readings


def reading(case: Case) -> str:
    """The reading, or what the board signed itself, that is meant; its frame and chain are sound."""
    place, entries = case.evidence.place, case.transaction.entries
    entry = None if place is None else entries[place.entry] if place.entry < len(entries) else None
    if case.evidence.signed is not None and not isinstance(entry, FrameEntry):
        raise QcotError(BAD_EVIDENCE, "a signature of the board for a reading, and no reading is meant")
    if place is None:
        return f"the transaction as a whole is meant, with {len(entries)} entries"
    if isinstance(entry, CheckpointEntry):
        return _checkpoint(case, entry, place)
    message = message_in(entry) if isinstance(entry, FrameEntry) else None
    if not isinstance(entry, FrameEntry) or not isinstance(message, Readings):
        raise QcotError(BAD_EVIDENCE, f"entry {place.entry} of {len(entries)} is not a frame of readings")
    if place.reading >= message.count:
        raise QcotError(BAD_EVIDENCE, f"reading {place.reading} of {message.count}")
    if place.link_before is None and case.evidence.signed is not None:
        # Then nothing binds the frame's readings to the link that was signed.
        raise QcotError(BAD_EVIDENCE, "a signature of the board, and no link before the reading's frame")
    if place.link_before is not None:
        link = chain.extend(place.link_before, message.first, message.records)
        genesis = message.first > 0 or place.link_before == chain.genesis(entry.device, entry.epoch)
        if link != message.link or not genesis:
            raise QcotError(CHAIN_BROKEN, f"the readings do not lead from the link before to entry {place.entry}'s")
    found = message.readings()[place.reading]
    case.facts |= {
        "device": entry.device.hex(),
        "epoch": entry.epoch,
        "seq": found.seq,
        "board_time_ms": found.time,
        "channel": found.channel,
        "value": found.value,
        "received": when(entry.received),
    }
    told = _sampled(case, entry, message, found)
    if found.is_loss:
        return f"board {entry.device.hex()} told that it could not store {found.value} readings (seq {found.seq}){told}"
    if found.is_fault:
        why = "for a reason unknown here" if found.fault is None else f"({found.fault.name.lower()})"
        return f"board {entry.device.hex()} told that channel {found.failed_channel} gave no value {why}{told}"
    return (
        f"board {entry.device.hex()} sampled the value {found.value} on channel {found.channel} as reading "
        f"{found.seq} of epoch {entry.epoch}{told}; the bridge had it at {when(entry.received)}"
    )


def _checkpoint(case: Case, entry: CheckpointEntry, place: Place) -> str:
    if place.reading or place.link_before is not None:
        raise QcotError(BAD_EVIDENCE, f"entry {place.entry} is what a board signed: it has no readings")
    case.facts |= {"device": entry.device.hex(), "epoch": entry.epoch}
    return (
        f"board {entry.device.hex()} signed itself that the link before reading {entry.seq} of epoch {entry.epoch} is "
        f"{entry.link.hex()}"
    )


def _sampled(case: Case, entry: FrameEntry, message: Readings, found: Reading) -> str:
    """When, by the clock that the bridge fitted to the board's."""
    if entry.clock is None:
        return ""
    at_us = entry.clock.at(found.time, chain.span(message.records)[0])
    error = f"{entry.clock.error / 1000:g}"
    case.facts |= {"sampled": when(at_us // 1000), "sampled_error_ms": error}
    return f" at {when(at_us // 1000)} give or take {error} ms"


def board(case: Case) -> str:
    """The board was certified for this bridge, and is enrolled under no other key."""
    place = case.evidence.place
    if place is None:
        return "no board is meant"
    entry = case.transaction.entries[place.entry]
    assert isinstance(entry, FrameEntry | CheckpointEntry)  # the step before saw to it
    case.board = case.require(entry.device, Role.BOARD, case.seconds)
    case.board.require_bridge(case.transaction.bridge)
    claims = case.board.board
    assert claims is not None  # of this role
    for other in case.transaction.entries:
        if not isinstance(other, EnrolmentEntry) or other.device != entry.device:
            continue
        if other.commitment != claims.commitment:
            raise QcotError(COMMITMENT_DIFFERS, f"board {entry.device.hex()} is enrolled here with another key")
    case.facts |= {"model": claims.model, "image": claims.image.hex()}
    return f"the authority certified this board, a {claims.model}{_physical(case, claims)}"


def own_signature(case: Case) -> str:
    """The board's own key signed its chain from the reading on, or what the file is about."""
    place = case.evidence.place
    if place is None:
        return "no board is meant"
    entry = case.transaction.entries[place.entry]
    said = entry if isinstance(entry, CheckpointEntry) else _over_reading(case, entry)
    case.facts |= {"board_signed": said is not None}
    if said is None:
        if case.given.signed:
            raise QcotError(NO_SUCH_CHECKPOINT, "you ask for a signature of the board itself, and there is none")
        return "the board itself signed nothing that is in this file: that it sampled this, its bridge vouches for"
    signed.signer_of(said, [case.board])
    leaf = lms.leaf_of(said.signature)
    case.facts |= {"board_signed_seq": said.seq, "board_signed_leaf": leaf}
    after = case.facts.get("seq")
    between = f", {said.seq - after - 1} readings after this one" if isinstance(after, int) else ""
    return f"the board's own LMS key signed its chain up to reading {said.seq}{between}, with leaf {leaf}"


def _over_reading(case: Case, entry: object) -> CheckpointEntry | None:
    """What the board signed, as it follows from its frame and the readings after that."""
    given = case.evidence.signed
    if given is None:
        return None
    assert isinstance(entry, FrameEntry)  # two steps before saw to it
    message = message_in(entry)
    assert isinstance(message, Readings)
    seq = message.end + len(given.records) // chain.RECORD_SIZE
    if seq > MAX_UINT32:
        raise QcotError(BAD_EVIDENCE, f"a board has no reading {seq}")
    link = chain.extend(message.link, message.end, given.records)
    return CheckpointEntry(entry.device, entry.epoch, seq, link, given.signature)


def _physical(case: Case, claims: BoardClaims) -> str:
    number, value = case.facts.get("channel"), case.facts.get("value")
    if not isinstance(number, int) or not isinstance(value, int) or number >= len(claims.channels):
        return ""
    channel = claims.channels[number]
    amount = f"{(value + channel.offset) * channel.num / channel.den:.6g} {channel.unit}".rstrip()
    case.facts |= {"channel_name": channel.name, "amount": amount}
    return f"; on its channel {channel.name} the value stands for {amount}"
