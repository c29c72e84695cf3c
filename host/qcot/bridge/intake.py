"""From verified frames to signed transactions, each step on disk before the next one relies on it.

take -> commit (one fsync for all that came meanwhile; then boards may be acknowledged) -> seal (sign, one fsync)
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from qcot.boards.registry import BAD_RECORD, EnrolledBoard
from qcot.bridge.store import ENROLMENT, FRAME, Item, Sealed, Store
from qcot.crypto.signing import SigningKey
from qcot.errors import QcotError
from qcot.ledger import transactions
from qcot.ledger.transactions import HASH_SIZE, MAX_ENTRIES, EnrolmentEntry, Entry, FrameEntry
from qcot.link.events import Resume

MAX_BODIES = 512 * 1024
"""Bytes of bodies in one transaction; with what it adds to each of them it stays under 1 MiB."""


@dataclass(frozen=True)
class Limits:
    """When a transaction closes: at ``readings``, or ``wait_s`` after the first; ``most`` bounds it under load."""

    readings: int = 64
    wait_s: float = 0.25
    most: int = 2000


@dataclass(frozen=True)
class Identity:
    """Who signs: ``key`` is ML-DSA-65."""

    site: str
    bridge: str
    policy: str
    key: SigningKey


class Intake:
    """One bridge's way in. ``clock`` gives seconds that never go back, ``wall`` ms since 1970."""

    def __init__(
        self,
        store: Store,
        identity: Identity,
        limits: Limits,
        *,
        clock: Callable[[], float],
        wall: Callable[[], int],
    ) -> None:
        self._store = store
        self._identity = identity
        self._limits = limits
        self._clock = clock
        self._wall = wall
        self._fresh: list[Item] = []
        self._positions: dict[bytes, Resume] = {}
        self._announced: dict[bytes, str] = {}
        self._waiting: deque[tuple[int, Item]] = deque(store.pending())
        self._waiting_readings = sum(item.readings for _, item in self._waiting)
        self._oldest = clock()
        self.sealed = 0

    @property
    def dirty(self) -> bool:
        """Whether something was taken that is not on disk."""
        return bool(self._fresh)

    @property
    def pending(self) -> int:
        """How many entries are on disk and not signed."""
        return len(self._waiting)

    def announce(self, board: EnrolledBoard, commitment: bytes) -> None:
        """Tell the gateway of ``board`` and of the commitment to its key, unless it was told exactly this before.

        Raises QcotError `bad-board-record` for what no transaction can hold: it would hold up all that comes after it.
        """
        record = board.to_json()
        if (self._announced.get(board.device) or self._store.announced(board.device)) == record:
            return
        item = Item(ENROLMENT, board.device, 0, self._wall(), 0, commitment + record.encode())
        try:
            transactions.require_entry(self._entry(item))
        except QcotError as error:
            raise QcotError(BAD_RECORD, f"the record of {board.device.hex()}: {error.reason}") from error
        self._announced[board.device] = record
        self._fresh.append(item)

    def take(self, device: bytes, raw: bytes, readings: int, position: Resume) -> None:
        """A frame (READINGS or OPENED) after which the chain of ``device`` stands at ``position``."""
        self._fresh.append(Item(FRAME, device, position.epoch, self._wall(), readings, raw))
        self._positions[device] = position

    def commit(self) -> dict[bytes, Resume]:
        """Put all that was taken on disk; gives the boards that may be acknowledged, and up to where.

        Raises QcotError `disk-full` and the like; then all is kept for the next call.
        """
        if not self._fresh:
            return {}
        ids = self._store.add(self._fresh, self._positions, self._announced)
        if not self._waiting:
            self._oldest = self._clock()
        self._waiting.extend(zip(ids, self._fresh, strict=True))
        self._waiting_readings += sum(item.readings for item in self._fresh)
        positions = self._positions
        self._fresh, self._positions, self._announced = [], {}, {}
        return positions

    def due(self, backlog: int) -> bool:
        """Whether a transaction closes now. The more wait for receipts, the more readings one must hold."""
        if not self._waiting:
            return False
        target = min(self._limits.readings * (1 + backlog), self._limits.most)
        return (
            self._waiting_readings >= target
            or len(self._waiting) >= MAX_ENTRIES
            or self._clock() - self._oldest >= self._limits.wait_s
        )

    @property
    def deadline(self) -> float | None:
        """When what waits has waited long enough."""
        return self._oldest + self._limits.wait_s if self._waiting else None

    def seal(self) -> Sealed | None:
        """Sign what waits, as much as one transaction holds, and put it in the outbox."""
        chosen: list[tuple[int, Item]] = []
        readings = size = 0
        for number, item in self._waiting:
            readings, size = readings + item.readings, size + len(item.body)
            if len(chosen) == MAX_ENTRIES or (chosen and (readings > self._limits.most or size > MAX_BODIES)):
                readings -= item.readings
                break
            chosen.append((number, item))
        if not chosen:
            return None
        entries = [self._entry(item) for _, item in chosen]
        sealed = sign(self._identity, self._store.next_sequence, self._wall(), entries, readings)
        self._store.seal([number for number, _ in chosen], sealed)
        for _ in chosen:
            self._waiting.popleft()
        self._waiting_readings -= readings
        self._oldest = self._clock()
        self.sealed += 1
        return sealed

    def renumber(self, next_sequence: int) -> None:
        """Sign the outbox anew from ``next_sequence`` on: the gateway has had those before it from this bridge."""
        replacements = []
        for sequence, old in enumerate(self._store.outbox(), next_sequence):
            parsed = transactions.parse(old.raw)
            replacements.append(sign(self._identity, sequence, parsed.time, list(parsed.entries), old.readings))
        self._store.renumber(replacements, next_sequence + len(replacements))

    def _entry(self, item: Item) -> Entry:
        if item.kind == FRAME:
            return FrameEntry(item.device, item.epoch, item.received, item.body)
        secret, record = item.body[:HASH_SIZE], item.body[HASH_SIZE:]
        board = EnrolledBoard.from_json(record.decode())
        channels = tuple(transactions.Channel(c.name, c.unit, c.num, c.den, c.offset) for c in board.channels)
        return EnrolmentEntry(board.device, secret, board.model, bytes(board.firmware), board.image, channels)


def sign(identity: Identity, sequence: int, time: int, entries: list[Entry], readings: int) -> Sealed:
    """Make one transaction."""
    raw = transactions.build(
        identity.key,
        site=identity.site,
        bridge=identity.bridge,
        sequence=sequence,
        time=time,
        entries=entries,
        policy=identity.policy,
    )
    return Sealed(sequence, hashlib.sha256(raw).digest(), readings, raw)
