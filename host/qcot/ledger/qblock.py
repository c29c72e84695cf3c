"""Qblock headers: the leaf that closes a run of transactions (docs/evidence.md, Qblock header).

The quantum part records what ran, on a simulator unless the backend's name says otherwise; no security rests on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

from qcot.crypto import cbor, cose
from qcot.errors import QcotError
from qcot.ledger import validation
from qcot.ledger.problems import (
    BAD_QBLOCK,
    QBLOCK_CHECK,
    QBLOCK_COUNT,
    QBLOCK_OUT_OF_PLACE,
    QBLOCK_PHASE,
    QBLOCK_QASM,
    QBLOCK_WALK_HASH,
)
from qcot.ledger.transactions import HASH_SIZE, MAX_UINT
from qcot.ledger.validation import Validated
from qcot.quantum.qblock import (
    PATCH_BLOCKS,
    LocalCheck,
    Patch,
    QblockPhases,
    check_closed_form,
    patch_qasm3,
    phases_from,
    run_local_check,
    run_local_checks,
)
from qcot.quantum.walk import walk_hash

if TYPE_CHECKING:
    from qcot.quantum.backends import Backend

VERSION = 1
FIRST_BYTE = 0xAA  # a map of ten pairs; a transaction begins with 0xD2
NO_PREVIOUS = bytes(HASH_SIZE)
MAX_BACKEND, MAX_QASM = 128, 4096
IDEAL_BACKENDS = frozenset({"aer_simulator_statevector", "aer_simulator_matrix_product_state"})
_QUANTUM = 10
_QUANTUM_KEYS = (list(range(1, 9)), list(range(1, 10)))


@dataclass(frozen=True, slots=True)
class Core:
    """What a header says of the log: sizes and indexes in leaves, ``time`` in ms."""

    height: int
    previous: bytes
    tree_size: int
    tree_root: bytes
    first_leaf: int
    transactions: int
    time: int
    bookkeeper: str

    def encode(self) -> bytes:
        """The map of keys 1 to 9."""
        return cbor.encode(_core_map(self))

    def walk_hash(self) -> bytes:
        """The walk hash of SHA-256 of the core: 32 bytes."""
        return walk_hash(sha256(self.encode()).digest())


@dataclass(frozen=True, slots=True)
class Quantum:
    """What a header says of its qubit: walk hash, phases, the local check that ran, who validated the bookkeeper."""

    qhash: bytes
    phases: QblockPhases
    check: LocalCheck
    validated: Validated | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed Qblock header with its exact bytes."""

    core: Core
    quantum: Quantum
    raw: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of the header's bytes: what the next header calls its previous."""
        return sha256(self.raw).digest()


def close(
    core: Core,
    earlier: Sequence[Header],
    start: int,
    *,
    shots: int,
    seed: int,
    validated: Validated | None = None,
    backend: Backend | None = None,
) -> Header:
    """Make the header of ``core``: run the local check of its patch and record it.

    ``earlier`` ends with the header before it, two are enough; ``start`` is the time of Qblock 0 in ms.
    """
    qhash = core.walk_hash()
    patch = [*patch_before(earlier), phases_from(qhash, core.time - start)]
    check = run_local_check(patch, patch, shots, seed, backend)
    return parse(build(core, Quantum(qhash, patch[-1], check, validated)))


def build(core: Core, quantum: Quantum) -> bytes:
    """The header's bytes."""
    check = quantum.check
    part = [quantum.qhash, quantum.phases.h, quantum.phases.t_ms, check.backend, check.shots, check.seed]
    part += [[check.zeros_newest, check.zeros_middle], check.qasm3]
    if quantum.validated is not None:
        part.append(quantum.validated.members())
    return cbor.encode(_core_map(core) | {_QUANTUM: dict(enumerate(part, 1))})


def parse(raw: bytes) -> Header:
    """Take a header apart; whether it is true is for the functions below. Raises `bad-cbor` or `bad-qblock`."""
    header = cbor.decode(raw)
    if not isinstance(header, dict) or list(header) != list(range(1, _QUANTUM + 1)):
        _refuse("must be a map of the keys 1 to 10")
    return Header(_core(*list(header.values())[:-1]), _quantum(header[_QUANTUM]), raw)


def patch_before(earlier: Sequence[Header]) -> list[QblockPhases]:
    """Phases that the headers before a Qblock record: the older part of its patch."""
    return [header.quantum.phases for header in earlier[1 - PATCH_BLOCKS :]]


def check_place(header: Header, previous: Header | None, start: int) -> None:
    """Raise `qblock-out-of-place` unless ``header`` follows ``previous`` (None at height 0)."""
    core = header.core
    before = previous.core if previous else None
    wanted: dict[str, tuple[bytes | int, bytes | int]] = {
        "height": (core.height, before.height + 1 if before else 0),
        "previous hash": (core.previous, previous.hash if previous else NO_PREVIOUS),
        "first transaction": (core.first_leaf, before.tree_size + 1 if before else 0),
        "tree size": (core.tree_size, core.first_leaf + core.transactions),
        "t": (header.quantum.phases.t_ms, core.time - start),
    }
    for what, (is_, should) in wanted.items():
        if is_ != should:
            raise QcotError(QBLOCK_OUT_OF_PLACE, f"{what} of Qblock {core.height} is {_show(is_)}, not {_show(should)}")
    if before and core.time < before.time:
        raise QcotError(QBLOCK_OUT_OF_PLACE, f"time of Qblock {core.height} is before that of the Qblock before it")


def check_walk_hash(header: Header, recomputed: bytes | None = None) -> None:
    """Raise `qblock-walk-hash` or `qblock-phase` unless qhash and h follow from the core."""
    core, quantum = header.core, header.quantum
    qhash = core.walk_hash() if recomputed is None else recomputed
    if quantum.qhash != qhash:
        raise QcotError(
            QBLOCK_WALK_HASH, f"Qblock {core.height} says {quantum.qhash.hex()}, its core gives {qhash.hex()}"
        )
    phases = phases_from(qhash, quantum.phases.t_ms)
    if quantum.phases != phases:
        seen = 1 - check_closed_form([quantum.phases], [phases])
        raise QcotError(
            QBLOCK_PHASE,
            f"h of Qblock {core.height} is {quantum.phases.h}, its walk hash gives {phases.h}; "
            f"a shot of the quantum check shows it with probability {seen:.3g}",
        )


def check_qasm(header: Header, earlier: Sequence[Header]) -> None:
    """Raise `qblock-qasm` unless the OpenQASM 3 text is that of the patch."""
    if header.quantum.check.qasm3 != patch_qasm3([*patch_before(earlier), header.quantum.phases]):
        raise QcotError(QBLOCK_QASM, f"OpenQASM text of Qblock {header.core.height} is not that of its patch")


def check_count(header: Header) -> None:
    """Raise `qblock-count` unless the zeros that are said to be counted can be.

    Honest phases give zeros only on an ideal simulator; other backends are noisy.
    """
    core, check = header.core, header.quantum.check
    counted = (check.zeros_newest, check.zeros_middle)
    wanted = (check.shots, check.shots if core.height else None)
    if (counted[1] is None) != (core.height == 0) or (check.backend in IDEAL_BACKENDS and counted != wanted):
        raise QcotError(
            QBLOCK_COUNT, f"Qblock {core.height} says {counted} zeros of {check.shots} shots on {check.backend}"
        )


def check_validation(header: Header) -> None:
    """Raise `qblock-validation` unless the recorded validation of the bookkeeper, where there is one, could pass."""
    if header.quantum.validated is not None:
        validation.check(header.core.height, header.quantum.validated)


def to_simulate(header: Header, earlier: Sequence[Header]) -> tuple[Patch, Patch]:
    """The patch as recorded, and as the walk hash gives it that `check_walk_hash` has checked."""
    before = patch_before(earlier)
    quantum = header.quantum
    return [*before, quantum.phases], [*before, phases_from(quantum.qhash, quantum.phases.t_ms)]


def check_by_simulation(patches: Sequence[tuple[Patch, Patch]], shots: int, seed: int) -> list[QcotError | None]:
    """Run the local checks of many patches in one job; `qblock-check` for each that gave anything but zeros."""
    return [
        None
        if run.zeros_newest == shots and run.zeros_middle in (shots, None)
        else QcotError(
            QBLOCK_CHECK, f"{run.zeros_newest} and {run.zeros_middle} zeros of {shots} shots on {run.backend}"
        )
        for run in run_local_checks(patches, shots, seed)
    ]


def _core_map(core: Core) -> dict[int, Any]:
    members = (VERSION, core.height, core.previous, core.tree_size, core.tree_root, core.first_leaf)
    return dict(enumerate((*members, core.transactions, core.time, core.bookkeeper), 1))


def _core(*members: Any) -> Core:
    version, height, previous, size, root, first, transactions, time, bookkeeper = members
    if version != VERSION:
        _refuse(f"version {version!r}, this program knows {VERSION}")
    for what, number in (("height", height), ("tree size", size), ("first leaf", first), ("time", time)):
        if not _is_uint(number):
            _refuse(f"{what} {number!r} out of range")
    if not _is_uint(transactions) or transactions == 0:
        _refuse(f"number of transactions {transactions!r} out of range")
    if not _is_hash(previous) or not _is_hash(root):
        _refuse(f"a hash is not {HASH_SIZE} bytes")
    if not isinstance(bookkeeper, str) or not cose.NAME.fullmatch(bookkeeper):
        _refuse(f"bookkeeper {bookkeeper!r} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
    return Core(height, previous, size, root, first, transactions, time, bookkeeper)


def _quantum(part: Any) -> Quantum:
    if not isinstance(part, dict) or list(part) not in _QUANTUM_KEYS:
        _refuse("quantum part must be a map of the keys 1 to 8, or 1 to 9")
    qhash, h, t, backend, shots, seed, zeros, qasm3, *rest = part.values()
    if not _is_hash(qhash) or not _is_uint(shots) or shots == 0 or not _is_uint(seed):
        _refuse("walk hash, shots or seed of the quantum part out of range")
    if not isinstance(backend, str) or not 1 <= len(backend) <= MAX_BACKEND:
        _refuse(f"backend must be text of 1 to {MAX_BACKEND} characters")
    if not isinstance(qasm3, str) or len(qasm3) > MAX_QASM:
        _refuse(f"OpenQASM text must have at most {MAX_QASM} characters")
    match zeros:
        case [newest, middle] if _is_count(newest, shots) and (middle is None or _is_count(middle, shots)):
            check = LocalCheck(backend, shots, seed, newest, middle, qasm3)
        case _:
            _refuse(f"zeros counted {zeros!r} do not fit {shots} shots")
    try:
        return Quantum(qhash, QblockPhases(h, t), check, validation.parse(rest[0]) if rest else None)
    except QcotError as error:
        raise QcotError(BAD_QBLOCK, error.reason) from error


def _is_uint(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_UINT


def _is_count(value: Any, shots: int) -> bool:
    return type(value) is int and 0 <= value <= shots


def _is_hash(value: Any) -> TypeGuard[bytes]:
    return isinstance(value, bytes) and len(value) == HASH_SIZE


def _show(value: bytes | int) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_QBLOCK, reason)
