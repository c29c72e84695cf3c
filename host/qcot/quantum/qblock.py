"""Qblock state: phases, the local check of a patch of up to three Qblocks, and closed forms of what checks detect.

    |Q_n> = 2^(-n/2) sum_x exp i [ sum_j theta_j x_j + sum_j phi_j x_j x_(j+1) ] |x>

One qubit a Qblock: H, P(theta_j), and CP(phi_j) to its successor, a weighted graph state (QUMA 4.1 and 5.6 as put right
in docs/quantum/qblocks.md). Times are in ms since Qblock 0, phases and angles in radians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal, TypeAlias

from qcot.errors import QcotError
from qcot.quantum.backends import load_qiskit, require_shots, run_circuits
from qcot.quantum.problems import BAD_ODDS, BAD_PATCH, BAD_PHASE, BAD_QHASH, BAD_SETTING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qcot.quantum.backends import Backend

H_BITS = 53
T_BITS = 42
PATCH_BLOCKS = 3
QHASH_BYTES = 32

Setting: TypeAlias = Literal["newest", "middle"]
SETTINGS: dict[Setting, int] = {"newest": 1, "middle": 2}
"""The block that a setting measures, counted from the patch's end; also the fewest blocks it needs."""


@dataclass(frozen=True)
class QblockPhases:
    """The two integers that a Qblock's phases are made of: 53 bits of its walk hash, and its time in ms."""

    h: int
    t_ms: int

    def __post_init__(self) -> None:
        """Refuse what no Qblock can have."""
        for name, value, bits in (("h", self.h, H_BITS), ("t", self.t_ms, T_BITS)):
            if type(value) is not int or not 0 <= value < 1 << bits:
                raise QcotError(BAD_PHASE, f"{name} is {value!r}, of at most {bits} bits")

    @property
    def link(self) -> int:
        """2^41 + t: the link's phase in units of pi / 2^42."""
        return (1 << (T_BITS - 1)) + self.t_ms

    @property
    def theta(self) -> float:
        """The block's own phase, 0 <= theta < 2 pi, rounded once."""
        return self.h * math.tau / (1 << H_BITS)

    @property
    def phi(self) -> float:
        """Phase of the link to the next block, pi/2 <= phi < 3 pi/2, so that it always entangles; rounded once."""
        return self.link * math.pi / (1 << T_BITS)


Patch: TypeAlias = Sequence[QblockPhases]


@dataclass(frozen=True)
class LocalCheck:
    """What one local check ran and counted: zeros of ``shots`` for each setting, 'middle' None for a single block."""

    backend: str
    shots: int
    seed: int
    zeros_newest: int
    zeros_middle: int | None
    qasm3: str


def phases_from(qhash: bytes, t_ms: int) -> QblockPhases:
    """Phases of a block with walk hash ``qhash`` (32 bytes), ``t_ms`` milliseconds after Qblock 0."""
    if len(qhash) != QHASH_BYTES:
        raise QcotError(BAD_QHASH, f"it has {len(qhash)} bytes")
    return QblockPhases(int.from_bytes(qhash[:8], "big") >> (64 - H_BITS), t_ms)


def patch_qasm3(patch: Patch) -> str:
    """OpenQASM 3 that prepares the patch, oldest block first on qubit 0.

    Angles are written as products of integers with tau and pi, so the same blocks give the same bytes everywhere.
    """
    _require_patch(patch, patch)
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{len(patch)}] q;"]
    lines += [f"h q[{i}];" for i in range(len(patch))]
    lines += [f"p({block.h} * tau / {1 << H_BITS}) q[{i}];" for i, block in enumerate(patch)]
    lines += [f"cp({block.link} * pi / {1 << T_BITS}) q[{i}], q[{i + 1}];" for i, block in enumerate(patch[:-1])]
    return "\n".join(lines) + "\n"


def local_patch_circuit(prepared: Patch, expected: Patch, setting: Setting) -> QuantumCircuit:
    """Prepare ``prepared``, then check one block against ``expected`` from its neighbours alone.

    The block that ``setting`` measures gets P(-theta), CP(-phi) on each of its links and H, into classical bit 0, which
    is 0 with certainty when both patches are equal; its neighbours are measured in Z, into bits 1 and up.
    """
    _require_patch(prepared, expected)
    at, neighbours = _checked(len(prepared), setting)
    load_qiskit()
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(len(prepared), 1 + len(neighbours))
    circuit.h(range(len(prepared)))
    for i, block in enumerate(prepared):
        circuit.p(block.theta, i)
    for i, block in enumerate(prepared[:-1]):
        circuit.cp(block.phi, i, i + 1)
    circuit.p(-expected[at].theta, at)
    for i in neighbours:
        circuit.cp(-expected[min(i, at)].phi, i, at)
    circuit.h(at)
    circuit.measure([at, *neighbours], range(1 + len(neighbours)))
    return circuit


def run_local_check(
    prepared: Patch, expected: Patch, shots: int, seed: int, backend: Backend | None = None
) -> LocalCheck:
    """Run the local check of the newest of one to three blocks, oldest first, in every setting they allow.

    An honest run passes the same blocks twice. Raises QcotError for a bad patch, shots or seed, and when the backend
    fails.
    """
    _require_patch(prepared, expected)
    settings = _settings(len(prepared))
    run = run_circuits([local_patch_circuit(prepared, expected, s) for s in settings], shots, seed, backend)
    zeros = [sum(n for bits, n in seen.items() if bits.endswith("0")) for seen in run.counts]
    middle = zeros[1] if len(zeros) > 1 else None
    return LocalCheck(run.backend, shots, seed, zeros[0], middle, patch_qasm3(prepared))


def expected_zeros_probability(prepared: Patch, expected: Patch) -> tuple[float, float | None]:
    """Probability of a zero in each setting, (newest, middle), middle None for a single block."""
    _require_patch(prepared, expected)
    passes = [1.0 - _detection(prepared, expected, setting) for setting in _settings(len(prepared))]
    return passes[0], passes[1] if len(passes) > 1 else None


def check_closed_form(recorded: Patch, recomputed: Patch, shots: int = 1) -> float:
    """Probability that a state of the ``recorded`` phases passes the local check of the ``recomputed`` ones.

    To pass is to give zeros only, in ``shots`` shots of each setting. Exactly 1.0 if and only if every phase that the
    patch checks comes from the same integer: anything else is rounded down. A patch checks neither the oldest theta of
    three nor the newest t; the patches of the blocks before and after do.
    """
    _require_patch(recorded, recomputed)
    require_shots(shots)
    wrong = [_detection(recorded, recomputed, setting) for setting in _settings(len(recorded))]
    if not any(wrong):
        return 1.0
    passes = math.prod((1.0 - detection) ** shots for detection in wrong)
    return min(passes, math.nextafter(1.0, 0.0))


def detection_probability(delta_theta: float, delta_links: Sequence[float] = ()) -> float:
    """Probability that one shot of a block's check gives 1 when its phases are wrong by these angles.

    ``delta_theta`` is the error of the block's own phase, ``delta_links`` of its links to neighbours, which Z finds
    in 0 or 1 with probability 1/2 each: the mean of sin^2((delta_theta + sum of the links whose neighbour is 1) / 2).
    """
    terms = [
        math.sin((delta_theta + math.fsum(d for d, bit in zip(delta_links, bits, strict=True) if bit)) / 2) ** 2
        for bits in product((0, 1), repeat=len(delta_links))
    ]
    return math.fsum(terms) / len(terms)


def theta_fidelity(delta: float) -> float:
    """Fidelity of the check by inversion of the whole chain when one block's own phase is wrong by ``delta``."""
    return math.cos(delta / 2) ** 2


def link_fidelity(delta: float) -> float:
    """Fidelity of the check by inversion of the whole chain when one link's phase is wrong by ``delta``."""
    return (5 + 3 * math.cos(delta)) / 8


def inverse_fidelity(prepared: Patch, expected: Patch) -> float:
    """Probability that inverting ``expected`` on ``prepared`` gives all zeros, for any errors; linear in the blocks.

    The overlap 2^-n sum_x exp i[sum delta_theta_j x_j + sum delta_phi_j x_j x_(j+1)] by a 2 by 2 transfer matrix.
    """
    _require_equal_length(prepared, expected)
    zero, one = 1 + 0j, 0j  # the sum over all x up to here whose next bit will be free, split by the last bit
    link = 0.0
    for was, wanted in zip(prepared, expected, strict=True):
        theta = _theta_error(was, wanted)
        zero, one = (zero + one) / 2, (zero + one * _unit(link)) * _unit(theta) / 2
        link = _phi_error(was, wanted)
    return min(abs(zero + one) ** 2, 1.0)


def shots_for(miss: float, fidelity: float) -> int:
    """Fewest shots of a check of ``fidelity`` that a wrong state passes with probability at most ``miss``."""
    if not (0 < miss < 1 and 0 <= fidelity < 1):
        raise QcotError(BAD_ODDS, f"miss is {miss!r}, fidelity is {fidelity!r}")
    return max(1, math.ceil(math.log(miss) / math.log(fidelity))) if fidelity else 1


def _settings(blocks: int) -> list[Setting]:
    return [setting for setting, needed in SETTINGS.items() if blocks >= needed]


def _checked(blocks: int, setting: Setting) -> tuple[int, list[int]]:
    """Qubit that a setting checks, and its neighbours in the patch."""
    if blocks < SETTINGS.get(setting, PATCH_BLOCKS + 1):
        raise QcotError(BAD_SETTING, f"setting {setting!r} on {blocks} Qblocks")
    at = blocks - SETTINGS[setting]
    return at, [i for i in (at - 1, at + 1) if 0 <= i < blocks]


def _detection(prepared: Patch, expected: Patch, setting: Setting) -> float:
    at, neighbours = _checked(len(prepared), setting)
    links = [_phi_error(prepared[min(i, at)], expected[min(i, at)]) for i in neighbours]
    return detection_probability(_theta_error(prepared[at], expected[at]), links)


def _theta_error(was: QblockPhases, wanted: QblockPhases) -> float:
    """Error of theta from the integers: a difference of floats would lose the small ones."""
    return (was.h - wanted.h) * math.tau / (1 << H_BITS)


def _phi_error(was: QblockPhases, wanted: QblockPhases) -> float:
    return (was.t_ms - wanted.t_ms) * math.pi / (1 << T_BITS)


def _unit(angle: float) -> complex:
    return complex(math.cos(angle), math.sin(angle))


def _require_equal_length(prepared: Patch, expected: Patch) -> None:
    if not prepared or len(prepared) != len(expected):
        raise QcotError(BAD_PATCH, f"{len(prepared)} Qblocks are prepared and {len(expected)} expected")


def _require_patch(prepared: Patch, expected: Patch) -> None:
    _require_equal_length(prepared, expected)
    if len(prepared) > PATCH_BLOCKS:
        raise QcotError(BAD_PATCH, f"{len(prepared)} Qblocks are too many for a patch")
