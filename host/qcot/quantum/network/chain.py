"""Records and Qblocks of the simulated network: what they say, how they are hashed, how a Qblock is double-checked.

Hashes are SHA-256 over JSON with sorted keys and no spaces, in hexadecimal. docs/quantum/network.md has the fields.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qcot.quantum.qblock import PATCH_BLOCKS, LocalCheck, QblockPhases, phases_from, run_local_check
from qcot.quantum.walk import walk_hash

if TYPE_CHECKING:
    from qcot.quantum.backends import Backend

NO_BLOCK = "0" * 64
"""What the first Qblock names as its predecessor."""
NS_PER_MS = 1_000_000
LEAST_ZEROS = 0.8
"""Of a setting's shots. An ideal machine counts zeros only, a noisy one of today well above this."""


@dataclass(frozen=True)
class Record:
    """What all nodes learn of a health record (QUMA 5.2): whose, whence, when, and two hashes of its bytes."""

    patient: str
    origin: str
    time_ns: int
    sha256: str
    walk_hash: str

    @property
    def id(self) -> str:
        """Hash of the record's header."""
        return digest(asdict(self))

    def describes(self, body: bytes) -> bool:
        """Whether both hashes are those of ``body``."""
        return self.sha256 == hashlib.sha256(body).hexdigest() and self.walk_hash == walked(body).hex()


@dataclass(frozen=True)
class Block:
    """A Qblock: content, its SHA-256 ``hash``, the walk hash of that, and the local check that its bookkeeper ran.

    ``draw`` is the digest that chose the bookkeeper. ``h`` and ``t_ms`` are the integers of its phases.
    """

    height: int
    previous: str
    time_ns: int
    bookkeeper: str
    draw: str
    records: tuple[Record, ...]
    t_ms: int
    hash: str
    qhash: str
    h: int
    zeros: tuple[int, ...] = ()
    backend: str = ""
    shots: int = 0
    seed: int = 0

    @property
    def content(self) -> dict[str, Any]:
        """What ``hash`` is the hash of."""
        fields = ("height", "previous", "time_ns", "bookkeeper", "draw", "t_ms")
        return {name: getattr(self, name) for name in fields} | {"records": [asdict(each) for each in self.records]}

    @property
    def phases(self) -> QblockPhases:
        """The phases that the Qblock says it has."""
        return QblockPhases(self.h, self.t_ms)

    @property
    def due_phases(self) -> QblockPhases:
        """The phases that follow from its content."""
        return phases_from(walked(bytes.fromhex(digest(self.content))), self.t_ms)

    def sealed(self) -> Block:
        """The same content with the hashes and h that follow from it."""
        hashed = digest(self.content)
        qhash = walked(bytes.fromhex(hashed))
        return replace(self, hash=hashed, qhash=qhash.hex(), h=phases_from(qhash, self.t_ms).h)

    def checked(self, check: LocalCheck) -> Block:
        """The same Qblock with what its bookkeeper's local check counted."""
        zeros = tuple(each for each in (check.zeros_newest, check.zeros_middle) if each is not None)
        return replace(self, zeros=zeros, backend=check.backend, shots=check.shots, seed=check.seed)


@lru_cache(maxsize=1024)
def walked(message: bytes) -> bytes:
    """Walk hash of ``message``: every node computes it, this process does it once for all."""
    return walk_hash(message)


def digest(value: Mapping[str, Any]) -> str:
    """SHA-256 of ``value`` as canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def new_block(chain: Sequence[Block], bookkeeper: str, draw: str, records: Sequence[Record], time_ns: int) -> Block:
    """The Qblock that follows ``chain``, sealed and not yet checked; records in the order of their ids."""
    genesis = chain[0].time_ns if chain else time_ns
    ordered = tuple(sorted(records, key=lambda each: each.id))
    last = chain[-1].hash if chain else NO_BLOCK
    t_ms = (time_ns - genesis) // NS_PER_MS
    return Block(len(chain), last, time_ns, bookkeeper, draw, ordered, t_ms, "", "", 0).sealed()


def local_check(
    chain: Sequence[Block], block: Block, shots: int, seed: int, backend: Backend | None = None
) -> LocalCheck:
    """Prepare the newest patch as ``block`` and ``chain`` record it, and check it against what their content asks for.

    Runs in every setting that the patch allows (docs/quantum/qblocks.md).
    """
    patch = [*chain[-(PATCH_BLOCKS - 1) :], block]
    return run_local_check([b.phases for b in patch], [b.due_phases for b in patch], shots, seed, backend)


@dataclass(frozen=True)
class Claims:
    """What a node holds a new Qblock against: its own chain, the records that are due, who must have made it, when."""

    chain: Sequence[Block]
    due: Mapping[str, Record]
    bookkeeper: str
    draw: str
    now_ns: int
    run: Callable[[Block], LocalCheck]


def _zeros(block: Block, claims: Claims) -> bool:
    check = claims.run(block)
    counted = [each for each in (check.zeros_newest, check.zeros_middle) if each is not None]
    return min(counted) >= LEAST_ZEROS * check.shots


def _follows(block: Block, claims: Claims) -> bool:
    last = claims.chain[-1].hash if claims.chain else NO_BLOCK
    return (block.height, block.previous) == (len(claims.chain), last)


def _timely(block: Block, claims: Claims) -> bool:
    genesis = claims.chain[0].time_ns if claims.chain else block.time_ns
    after = claims.chain[-1].time_ns if claims.chain else 0
    return after <= block.time_ns <= claims.now_ns and block.t_ms == (block.time_ns - genesis) // NS_PER_MS


DOUBLE_CHECKS: dict[str, Callable[[Block, Claims], bool]] = {
    "bookkeeper": lambda block, claims: (block.bookkeeper, block.draw) == (claims.bookkeeper, claims.draw),
    "predecessor": _follows,
    "time": _timely,
    "records": lambda block, claims: {each.id: each for each in block.records} == claims.due,
    "hash": lambda block, claims: block.hash == digest(block.content),
    "local check": _zeros,
    "phases": lambda block, claims: block.phases == block.due_phases,
}
"""In this order. The local check is the state's; the comparison of integers after it misses nothing."""


def double_check(block: Block, claims: Claims) -> str | None:
    """The first check that ``block`` fails, None where it passes all (QUMA 5.6)."""
    return next((name for name, holds in DOUBLE_CHECKS.items() if not holds(block, claims)), None)


def with_altered_record(block: Block) -> Block:
    """Give the first record to another patient, and seal the Qblock anew so that it is right in itself."""
    first, *rest = block.records
    return replace(block, records=(replace(first, patient="f" * len(first.patient)), *rest)).sealed()


def with_altered_phase(block: Block) -> Block:
    """Turn the Qblock's own phase by half a turn: the hash stays right, the state does not."""
    return replace(block, h=block.h ^ 1 << 52)
