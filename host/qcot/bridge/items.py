"""What waits on the bridge's disk to be signed, as entries of a transaction, and the other way round."""

from __future__ import annotations

import struct
from dataclasses import replace

from qcot.boards.registry import EnrolledBoard
from qcot.bridge.store import CHAIN, CHECKPOINT, CLOCKED, ENROLMENT, FRAME, STATEMENT, Item
from qcot.certificates.claims import Channel
from qcot.ledger.clocks import Clock
from qcot.ledger.transactions import HASH_SIZE, CheckpointEntry, EnrolmentEntry, Entry, FrameEntry, StatementEntry

STATEMENTS = (STATEMENT, CHAIN)
_CLOCK = struct.Struct("<qqq")  # zero, rate, error, then the frame
_PLACE = struct.Struct(f"<Q{HASH_SIZE}s")  # seq and link, then the signature


def clocked(frame: Item, clock: Clock | None) -> Item:
    """The same frame with its clock, where there is one."""
    if clock is None:
        return frame
    return replace(frame, kind=CLOCKED, body=_CLOCK.pack(clock.zero, clock.rate, clock.error) + frame.body)


def of_checkpoint(entry: CheckpointEntry, received: int) -> Item:
    """What a board signed itself."""
    body = _PLACE.pack(entry.seq, entry.link) + entry.signature
    return Item(CHECKPOINT, entry.device, entry.epoch, received, 0, body)


def of_enrolment(board: EnrolledBoard, commitment: bytes, received: int) -> Item:
    """A board that is announced."""
    return Item(ENROLMENT, board.device, 0, received, 0, commitment + board.to_json().encode())


def entry_of(item: Item) -> Entry:
    """The entry that ``item`` stands for."""
    body = item.body
    if item.kind == FRAME:
        return FrameEntry(item.device, item.epoch, item.received, body)
    if item.kind == CLOCKED:
        clock = Clock(*_CLOCK.unpack_from(body))
        return FrameEntry(item.device, item.epoch, item.received, body[_CLOCK.size :], clock)
    if item.kind == CHECKPOINT:
        seq, link = _PLACE.unpack_from(body)
        return CheckpointEntry(item.device, item.epoch, seq, link, body[_PLACE.size :])
    if item.kind in STATEMENTS:
        return StatementEntry(body)
    board = EnrolledBoard.from_json(body[HASH_SIZE:].decode())
    channels = tuple(Channel(c.name, c.unit, c.num, c.den, c.offset) for c in board.channels)
    commitment, firmware = body[:HASH_SIZE], bytes(board.firmware)
    return EnrolmentEntry(board.device, commitment, board.model, firmware, board.image, channels)
