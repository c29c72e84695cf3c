"""Attacks on an identity validation as records: what each does to a travelling half, and how often that shows.

Detection is per attacked pair, in closed form, on a noiseless link: the probability that a Z check, an X check, or the
Bell measurement at the end comes out wrong. Derivations: docs/quantum/attacks.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from qcot.errors import QcotError
from qcot.quantum.attacks.problems import BAD_ANGLE, BAD_ATTACK

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

TRAVELLING = 1
"""The qubit that travels; 0 stays with the verifier, the attacker's own are 2 and up."""
ATTACKER = 2
"""First qubit and first classical bit of the attacker."""

Touch: TypeAlias = "Callable[[QuantumCircuit, float], None]"


@dataclass(frozen=True)
class Attack:
    """One attack. ``touch`` acts on a pair's circuit where ``place`` says, with ``qubits`` and ``bits`` of its own.

    On the way to the prover it meets every pair; in place of the prover's encoding only those that were not checked.
    ``z``, ``x`` and ``bell`` are detections per pair as functions of ``angle`` (radians; 0 where there is none).
    """

    name: str
    does: str
    paper: str
    corrected: str
    place: Literal["way", "encoding"]
    touch: Touch
    z: Callable[[float], float]
    x: Callable[[float], float]
    bell: Callable[[float], float]
    qubits: int = 0
    bits: int = 0
    angle: float | None = None

    def __post_init__(self) -> None:
        if self.angle is not None and not 0 <= self.angle <= math.pi / 2:
            raise QcotError(BAD_ANGLE, f"{self.name}: {self.angle!r} radians")

    @property
    def detection_z(self) -> float:
        """Detection by a check in Z, the only one that QUMA makes."""
        return self.z(self.angle or 0.0)

    @property
    def detection_x(self) -> float:
        """Detection by a check in X."""
        return self.x(self.angle or 0.0)

    @property
    def detection_check(self) -> float:
        """Detection by a check in Z or X, each with probability 1/2."""
        return (self.detection_z + self.detection_x) / 2

    @property
    def detection_bell(self) -> float:
        """Detection by the Bell measurement."""
        return self.bell(self.angle or 0.0)

    def at(self, angle: float) -> Attack:
        """The same attack at another angle; raises `attack-angle` if it has none or it is out of range."""
        if self.angle is None:
            raise QcotError(BAD_ANGLE, f"{self.name} has no angle")
        return replace(self, angle=angle)


def _nothing(circuit: QuantumCircuit, angle: float) -> None:
    """Leave the half alone."""


def _guess(circuit: QuantumCircuit, _angle: float) -> None:
    """A Pauli by two tosses of a coin, which are two qubits: all that one can do who does not know the tag."""
    circuit.h([ATTACKER, ATTACKER + 1])
    circuit.measure([ATTACKER, ATTACKER + 1], [ATTACKER, ATTACKER + 1])
    circuit.cz(ATTACKER, TRAVELLING)
    circuit.cx(ATTACKER + 1, TRAVELLING)


def _measured_at(tilt: float) -> Touch:
    """Measure the half along the axis tilted by ``tilt`` from Z in the X-Z plane; what was found is what travels on."""

    def touch(circuit: QuantumCircuit, _angle: float) -> None:
        if tilt:
            circuit.ry(-tilt, TRAVELLING)
        circuit.measure(TRAVELLING, ATTACKER)
        if tilt:
            circuit.ry(tilt, TRAVELLING)

    return touch


def _entangled(circuit: QuantumCircuit, angle: float) -> None:
    """Turn an own qubit by 2 ``angle`` if the half is 1, so that its two states overlap by cos(angle)."""
    circuit.cry(2 * angle, TRAVELLING, ATTACKER)
    circuit.measure(ATTACKER, ATTACKER)


def _copied(circuit: QuantumCircuit, _angle: float) -> None:
    """CNOT onto an own qubit."""
    circuit.cx(TRAVELLING, ATTACKER)
    circuit.measure(ATTACKER, ATTACKER)


def _substituted(circuit: QuantumCircuit, _angle: float) -> None:
    """Keep the half and send on one of an own pair."""
    circuit.h(ATTACKER)
    circuit.cx(ATTACKER, ATTACKER + 1)
    circuit.swap(TRAVELLING, ATTACKER)


def _always(value: float) -> Callable[[float], float]:
    return lambda _angle: value


_PAPER_OUTSIDE = "cannot finish the validation, since it needs the key (7.2.1)"
_PAPER_RESEND = "a 50 % chance that the resent particle holds the same value (7.2.2)"
_PAPER_ENTANGLE = "'0.25 percent' chance of the right Bell state, or nothing is learnt (7.2.3)"
_RESEND = "a check shows 1/4 a pair, the Bell measurement 1/2"

ATTACKS: dict[str, Attack] = {
    attack.name: attack
    for attack in (
        Attack(
            name="outsider",
            does="plays the prover without the key K: honest in the checks, then guesses two bits a pair",
            paper=_PAPER_OUTSIDE,
            corrected="true here, not there: no step of QUMA 5.7 uses the key. A guess is wrong with 3/4 a pair",
            place="encoding",
            touch=_guess,
            z=_always(0.0),
            x=_always(0.0),
            bell=_always(3 / 4),
            qubits=2,
            bits=2,
        ),
        Attack(
            name="intercept-z",
            does="measures each half in Z on its way to the prover and sends on what it found",
            paper=_PAPER_RESEND,
            corrected=f"{_RESEND}; a check in Z alone, QUMA's, shows nothing",
            place="way",
            touch=_measured_at(0.0),
            z=_always(0.0),
            x=_always(1 / 2),
            bell=_always(1 / 2),
            bits=1,
        ),
        Attack(
            name="intercept-x",
            does="measures each half in X on its way to the prover and sends on what it found",
            paper=_PAPER_RESEND,
            corrected=f"{_RESEND}; 50 % is the Z check's share",
            place="way",
            touch=_measured_at(math.pi / 2),
            z=_always(1 / 2),
            x=_always(0.0),
            bell=_always(1 / 2),
            bits=1,
        ),
        Attack(
            name="intercept-breidbart",
            does="measures each half half-way between Z and X, right with cos^2(pi/8) = 85 % for either",
            paper=_PAPER_RESEND,
            corrected=f"{_RESEND}: it learns more, and shows as much",
            place="way",
            touch=_measured_at(math.pi / 4),
            z=_always(1 / 4),
            x=_always(1 / 4),
            bell=_always(1 / 2),
            bits=1,
        ),
        Attack(
            name="entangle",
            does="copies each half's Z value onto an own qubit by a CNOT and measures that",
            paper=_PAPER_ENTANGLE,
            corrected="the right Bell state has 1/2, not 1/4 and not 0.25 %; a check in Z alone shows nothing",
            place="way",
            touch=_copied,
            z=_always(0.0),
            x=_always(1 / 2),
            bell=_always(1 / 2),
            qubits=1,
            bits=1,
        ),
        Attack(
            name="entangle-partial",
            does="entangles an own qubit by the angle v, so that its two states overlap by cos v, and measures that",
            paper=_PAPER_ENTANGLE,
            corrected="(1 - cos v)/4 in a check, (1 - cos v)/2 in the Bell measurement: less learnt, less shown",
            place="way",
            touch=_entangled,
            z=_always(0.0),
            x=lambda v: (1 - math.cos(v)) / 2,
            bell=lambda v: (1 - math.cos(v)) / 2,
            qubits=1,
            bits=1,
            angle=math.pi / 3,
        ),
        Attack(
            name="substitution",
            does="keeps each half and sends the prover one of an own pair instead",
            paper="not considered",
            corrected="a check shows 1/2 a pair, the Bell measurement 3/4",
            place="way",
            touch=_substituted,
            z=_always(1 / 2),
            x=_always(1 / 2),
            bell=_always(3 / 4),
            qubits=2,
        ),
    )
}
"""By name."""


def named_attack(name: str, angle: float | None = None) -> Attack:
    """The attack of that name, at ``angle`` if one is given; raises `attack-unknown` or `attack-angle`."""
    try:
        attack = ATTACKS[name]
    except KeyError:
        raise QcotError(BAD_ATTACK, f"{name!r} is none of {', '.join(ATTACKS)}") from None
    return attack if angle is None else attack.at(angle)
