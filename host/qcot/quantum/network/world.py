"""What all members of one run share, and the settings that it was asked for."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from qcot.errors import QcotError
from qcot.quantum.backends import require_shots
from qcot.quantum.entropy import EntropySource
from qcot.quantum.entropy.extractor import needed
from qcot.quantum.entropy.source import CLAIMED, KEY_BITS, LANES
from qcot.quantum.identity import DEFAULT, Parameters
from qcot.quantum.network.chain import Record
from qcot.quantum.network.faults import Fault
from qcot.quantum.network.journal import Journal, Streams
from qcot.quantum.network.keys import KeyRing
from qcot.quantum.network.problems import BAD_COUNT
from qcot.quantum.network.wire import SECOND, Wire
from qcot.quantum.walk import walk_hash

if TYPE_CHECKING:
    from qcot.quantum.backends import Backend

MAX_COUNT = 64
INTERVAL_NS = 600 * SECOND
"""From one Qblock to the next: 'approximately ten minutes' (QUMA 5.5)."""
ATTEMPTS = 3
"""Bookkeepers that are drawn for one Qblock before the round is given up."""
PHASES = 2 + 4 * ATTEMPTS
DEFAULT_SHOTS = 256


@dataclass(frozen=True)
class Settings:
    """``records`` are published for each of ``blocks``; ``shots`` are of each local check. Raises `network-count`."""

    records: int = 2
    blocks: int = 2
    seed: int = 1
    shots: int = DEFAULT_SHOTS
    parameters: Parameters = DEFAULT
    backend: Backend | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        for name, value in (("records", self.records), ("blocks", self.blocks)):
            if type(value) is not int or not 1 <= value <= MAX_COUNT:
                raise QcotError(BAD_COUNT, f"{name} are {value!r}")
        require_shots(self.shots)


@dataclass(frozen=True)
class Publication:
    """A record, its bytes, and the Qblock it is published for."""

    height: int
    record: Record
    body: bytes


@dataclass(frozen=True)
class Checkup:
    """One validation as its verifier saw it. ``subject`` is what it was about: a record's id or a Qblock's hash."""

    at_ns: int
    height: int
    verifier: str
    prover: str
    claimed: str
    subject: str
    accepted: bool
    why: str
    check_errors: int | None
    mismatches: int | None


@dataclass
class World:
    """One run: the clock and channels, the random streams, the keys, the fault, and what is written down."""

    wire: Wire
    journal: Journal
    streams: Streams
    keys: KeyRing
    settings: Settings
    fault: Fault | None
    publications: Sequence[Publication]
    checkups: list[Checkup] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    """What origins keep of their records, by the record's id."""

    @property
    def members(self) -> tuple[str, ...]:
        """Their names."""
        return self.wire.topology.members

    @property
    def quorum(self) -> int:
        """How many members must agree: all but the third that may be faulty, n - floor((n - 1)/3)."""
        return len(self.members) - (len(self.members) - 1) // 3

    @cached_property
    def interval_ns(self) -> int:
        """From one round to the next."""
        return max(INTERVAL_NS, (PHASES + 1) * self.wire.window_ns)

    @cached_property
    def _device(self) -> EntropySource:
        """One simulated device stands for every node's own: its start-up test takes longer than all that follows."""
        return EntropySource(self.settings.backend, seed=self.streams.seed("entropy"))

    def random_bytes(self) -> bytes:
        """32 random bytes of one node: tested quantum bits, hashed with what stands for its operating system's.

        ``entropy.random_bytes`` would take the real operating system's, and no run could be repeated. SHA-256 is a
        vetted conditioning component (SP 800-90B, 3.1.5.1.1).
        """
        rows = -(-needed(KEY_BITS, CLAIMED) // LANES)
        raw = self._device.sample(rows).tobytes()
        return hashlib.sha256(raw + self.streams.random("entropy").bytes(32)).digest()

    def is_down(self, name: str, height: int) -> bool:
        """Whether a member does nothing in this round."""
        return (
            self.fault is not None and self.fault.closes and self.fault.node == name and height >= self.fault.from_block
        )

    def hand_out(self, record: Record, height: int) -> bytes:
        """The bytes that a record's origin gives to whoever verifies it."""
        body = self.bodies[record.id]
        fault = self.acts(height)
        first = next(each.body for each in self.publications if each.height == height)
        return body + b" altered" if fault is not None and fault.alters_body and body == first else body

    def acts(self, height: int) -> Fault | None:
        """The fault, if this is the Qblock that it is about."""
        return self.fault if self.fault is not None and self.fault.from_block == height else None


def plan_publications(members: Sequence[str], settings: Settings, streams: Streams) -> tuple[Publication, ...]:
    """Records that hospitals publish: made up, of patients who do not exist, under pseudonyms of each hospital's."""
    random = streams.random("records")
    planned = []
    for height in range(settings.blocks):
        for number in range(settings.records):
            origin = str(members[int(random.integers(len(members)))])
            secret, patient = random.bytes(32), int(random.integers(10**6))
            pseudonym = hmac.digest(secret, f"patient {patient}".encode(), hashlib.sha256).hex()[:16]
            measured = {"patient": pseudonym, "heart_rate": int(random.integers(50, 120)), "number": number}
            body = json.dumps(measured, sort_keys=True).encode()
            record = Record(pseudonym, origin, 0, hashlib.sha256(body).hexdigest(), walk_hash(body).hex())
            planned.append(Publication(height, record, body))
    return tuple(planned)
