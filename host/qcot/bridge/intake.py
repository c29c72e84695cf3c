"""From verified frames to signed transactions, each step on disk before the next one relies on it.

take -> commit (one fsync for all that came meanwhile; then boards may be acknowledged) -> seal (sign, one fsync)
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from qcot.boards.registry import BAD_RECORD, EnrolledBoard
from qcot.bridge import items
from qcot.bridge.items import STATEMENTS
from qcot.bridge.problems import NO_NEXT_KEY
from qcot.bridge.store import CHAIN, FRAME, STATEMENT, Item, Sealed, Store
from qcot.certificates import rotation
from qcot.crypto import cose
from qcot.crypto.signing import SigningKey
from qcot.errors import QcotError
from qcot.ledger import transactions
from qcot.ledger.clocks import Clock
from qcot.ledger.transactions import MAX_ENTRIES, CheckpointEntry, Entry, FrameEntry, StatementEntry
from qcot.link.events import Resume
from qcot.link.messages import Readings

MAX_BODIES = 512 * 1024
"""Bytes of bodies in one transaction; with what it adds to each of them it stays under 1 MiB."""
_COUNT_AT = 10  # of a READINGS frame: type, flags, counter, first, then count
_REFUSED_ENTRY = re.compile(r"entry (\d{1,4}): ")  # docs/evidence.md, What the gateway takes


@dataclass(frozen=True)
class Limits:
    """When a transaction closes: at ``readings``, or ``wait_s`` after the first; ``most`` bounds it under load."""

    readings: int = 64
    wait_s: float = 0.25
    most: int = 2000


@dataclass(frozen=True)
class Identity:
    """Who signs: ``key`` is ML-DSA-65, ``next_key`` gives the one that is to take its place, where there is one."""

    site: str
    bridge: str
    policy: str
    key: SigningKey
    next_key: Callable[[], SigningKey | None] = lambda: None


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
        self._bringing: set[bytes] = set()
        self._waiting: deque[tuple[int, Item]] = deque(store.pending())
        self._waiting_readings = sum(item.readings for _, item in self._waiting)
        self._oldest = clock()
        self.sealed = 0
        self.key = identity.key
        self._begin()

    def _begin(self) -> None:
        """Go on with the key that signed last, and sign anew what nobody would take as it is."""
        self._store.forget_refused()
        signing, following = self._store.signing(), self._identity.next_key()
        if signing is not None and following is not None and signing[0] == following.public_key.kid:
            self.key = following
        elif signing is not None and signing[0] != self.key.public_key.kid:
            self._store.sign_with(None)  # that key was replaced by hand
        outbox = self._store.outbox()
        known = {self.key.public_key.kid, self._identity.key.public_key.kid}
        envelopes = [transactions.envelope(each.raw) for each in outbox]
        if any(each.kid not in known or each.policy != self._identity.policy for each in envelopes):
            self.renumber(outbox[0].sequence)

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
        item = items.of_enrolment(board, commitment, self._wall())
        try:
            transactions.require_entry(items.entry_of(item))
        except QcotError as error:
            raise QcotError(BAD_RECORD, f"the record of {board.device.hex()}: {error.reason}") from error
        self._announced[board.device] = record
        self._fresh.append(item)

    def bring(self, statements: Sequence[bytes]) -> None:
        """Statements for the ledger, in one transaction that holds nothing else."""
        for at, each in enumerate(statements):
            self._fresh.append(Item(CHAIN if at else STATEMENT, b"", 0, self._wall(), 0, each))
            self._bringing.add(hashlib.sha256(each).digest())

    def is_bringing(self, statement: bytes) -> bool:
        """Whether the statement with this hash was brought since the last commit."""
        return statement in self._bringing

    def take(self, device: bytes, raw: bytes, readings: int, position: Resume, clock: Clock | None = None) -> None:
        """A frame (READINGS or OPENED) after which the chain of ``device`` stands at ``position``."""
        item = Item(FRAME, device, position.epoch, self._wall(), readings, raw)
        self._fresh.append(items.clocked(item, clock))
        self._positions[device] = position

    def take_checkpoint(self, entry: CheckpointEntry) -> None:
        """What a board signed itself; who calls has verified it, and taken the frames before it."""
        self._fresh.append(items.of_checkpoint(entry, self._wall()))

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
        self._bringing.clear()
        return positions

    def due(self, backlog: int) -> bool:
        """Whether a transaction closes now. The more wait for receipts, the more readings one must hold."""
        if not self._waiting:
            return False
        target = min(self._limits.readings * (1 + backlog), self._limits.most)
        return (
            self._waiting[0][1].kind in STATEMENTS
            or self._waiting_readings >= target
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
            if chosen and (item.kind in STATEMENTS or chosen[0][1].kind in STATEMENTS) and item.kind != CHAIN:
                break
            readings, size = readings + item.readings, size + len(item.body)
            if len(chosen) == MAX_ENTRIES or (chosen and (readings > self._limits.most or size > MAX_BODIES)):
                readings -= item.readings
                break
            chosen.append((number, item))
        if not chosen:
            return None
        entries = [items.entry_of(item) for _, item in chosen]
        sealed = self._sign(self._store.next_sequence, self._wall(), entries, readings, self.key)
        following = self._following(entries)
        rotated = None if following is None else (following.public_key.kid, hashlib.sha256(chosen[0][1].body).digest())
        self._store.seal([number for number, _ in chosen], sealed, rotated)
        self.key = following or self.key
        for _ in chosen:
            self._waiting.popleft()
        self._waiting_readings -= readings
        self._oldest = self._clock()
        self.sealed += 1
        return sealed

    def renumber(
        self,
        next_sequence: int,
        *,
        first: Sequence[bytes] = (),
        again: Mapping[bytes, str | None] | None = None,
        without: bytes | None = None,
    ) -> None:
        """Sign the outbox anew from ``next_sequence`` on, each with the key that signed it before where that is known.

        Statements ``first`` go before all else. ``again`` says, by hash, of which transactions to make two, with the
        reason for which the gateway refused the whole; None leaves one as it is. ``without`` is the hash of a rotation
        that is left out: all is signed with the key that follows it.
        """
        replacements: list[Sealed] = []

        def add(time: int, entries: list[Entry], readings: int, key: SigningKey) -> None:
            sequence = next_sequence + len(replacements)
            replacements.append(self._sign(sequence, time, entries, readings, key))

        if first:
            add(self._wall(), [StatementEntry(each) for each in first], 0, self.key)
        for old in self._store.outbox():
            parsed = transactions.parse(old.raw)
            if without in [hashlib.sha256(each).digest() for each in parsed.statements]:
                continue  # a rotation is alone in its transaction
            former = self._identity.key
            key = former if parsed.kid == former.public_key.kid and without is None else self.key
            reason = (again or {}).get(old.hash)
            found = parts(parsed.entries, reason) if reason else []
            for entries in found if len(found) > 1 else [list(parsed.entries)]:
                add(parsed.time, entries, _readings_in(entries) if len(found) > 1 else old.readings, key)
        self._store.renumber(replacements, next_sequence + len(replacements), without)

    def holds(self, device: bytes) -> bool:
        """Whether something of this board waits to be signed, or for its receipt."""
        if any(item.device == device for item in (*self._fresh, *(item for _, item in self._waiting))):
            return True
        return any(device in devices_in(each.raw) for each in self._store.outbox())

    def send_again(self, hashes: Sequence[bytes]) -> None:
        """Sign anew, as the last of the outbox, what was refused under these hashes."""
        sealed = []
        for at, hash_ in enumerate(hashes):
            parsed = transactions.parse(self._store.refused_raw(hash_))
            entries, sequence = list(parsed.entries), self._store.next_sequence + at
            sealed.append(self._sign(sequence, parsed.time, entries, _readings_in(entries), self.key))
        self._store.send_again(hashes, sealed)

    @property
    def former(self) -> bytes | None:
        """The kid of the key that signed before, while a rotation from it is on its way."""
        kid = self._identity.key.public_key.kid
        return None if kid == self.key.public_key.kid else kid

    def rotated(self) -> None:
        """The old key is of no use any more: the one that signs now is the only one."""
        self._identity = replace(self._identity, key=self.key)
        self._store.sign_with(None)

    def rotation_refused(self) -> None:
        """Go back to the key before: everything that the other has signed is signed anew."""
        self._store.sign_with(None)
        self.key = self._identity.key
        outbox = self._store.outbox()
        if outbox:
            self.renumber(outbox[0].sequence)

    def following(self, statement: bytes) -> SigningKey | None:
        """The key that signs after ``statement``, where that is a rotation from the one that signs now.

        Raises QcotError `rotation-without-key` where that key is not here.
        """
        if cose.content_type(statement) != rotation.CONTENT_TYPE:
            return None
        found = rotation.parse(statement)
        if found.old != self.key.public_key.kid:
            return None
        following = self._identity.next_key()
        if following is None or following.public_key.kid != found.new:
            raise QcotError(NO_NEXT_KEY, f"the key {found.new.hex()} that is to follow {found.old.hex()} is not here")
        return following

    def _following(self, entries: Sequence[Entry]) -> SigningKey | None:
        match entries:
            case [StatementEntry(statement)]:
                try:
                    return self.following(statement)
                except QcotError:  # it was here when the statement was taken
                    return None
        return None

    def _sign(self, sequence: int, time: int, entries: list[Entry], readings: int, key: SigningKey) -> Sealed:
        return sign(replace(self._identity, key=key), sequence, time, entries, readings)


def parts(entries: Sequence[Entry], reason: str) -> list[list[Entry]]:
    """Two transactions' entries in the place of one that was refused for one board: those of the others, and its own.

    What it signed itself goes alone: its readings stand without. The ``reason`` says which entry it was. One part alone
    where there is nothing to part.
    """
    found = _REFUSED_ENTRY.match(reason)
    at = int(found[1]) if found else len(entries)
    refused = entries[at] if at < len(entries) else None
    if refused is None or isinstance(refused, StatementEntry):
        return [list(entries)]
    found_in: tuple[list[Entry], list[Entry]] = ([], [])
    for entry in entries:
        is_own = not isinstance(entry, StatementEntry) and entry.device == refused.device
        if isinstance(refused, CheckpointEntry):
            is_own = entry is refused
        found_in[is_own].append(entry)
    return [part for part in found_in if part]


def devices_in(raw: bytes) -> set[bytes]:
    """The boards of which a transaction has entries."""
    return {each.device for each in transactions.parse(raw).entries if not isinstance(each, StatementEntry)}


def _readings_in(entries: Sequence[Entry]) -> int:
    return sum(_count(entry.frame) for entry in entries if isinstance(entry, FrameEntry))


def _count(frame: bytes) -> int:
    """How many readings a frame that this bridge has taken holds."""
    return frame[_COUNT_AT] if frame[0] == Readings.TYPE and len(frame) > _COUNT_AT else 0


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
