"""What a run measured, beside theory; and one photon's circuits, run on a backend beside the same theory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qcot.quantum.backends import run_circuits
from qcot.quantum.qkd.circuits import pair, photon
from qcot.quantum.qkd.protocols import BB84, EVE_ANGLES
from qcot.quantum.statistics import Estimate, proportion

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qcot.quantum.backends import Backend
    from qcot.quantum.qkd.distribution import Distribution
    from qcot.quantum.qkd.link import LinkParameters
    from qcot.quantum.qkd.protocols import Protocol

BASES = {0.0: "Z", 90.0: "X"}


@dataclass(frozen=True)
class Measured:
    """How often both ends differed, for settings of theirs; ``estimates`` in the order of `settings`."""

    estimates: tuple[Estimate, ...]
    backend: str
    shots: int
    seed: int
    seconds: float


def estimates(run: Distribution) -> list[Estimate]:
    """Of a whole run: shares seen and sifted, error rate of the sample, and S, as far as they were measured."""
    protocol, link = run.protocol, run.link
    counted = [
        ("seen, of sent", run.detected, run.sent, protocol.coincidence(link)),
        ("sifted, of seen", run.sifted, run.detected, protocol.key_share),
        ("error rate", run.sample_errors, run.sampled, protocol.error_rate(link)),
    ]
    found = [proportion(*each) for each in counted if each[2]]
    if run.outcomes and all(map(sum, run.outcomes)):
        found.append(_bell(run))
    return found


def _bell(run: Distribution) -> Estimate:
    """S = 8 w - 4, w the share of pairs whose outcomes have the sign that their settings want."""
    protocol = run.protocol
    wins = sum(counts[sign < 0] for (_, _, sign), counts in zip(protocol.chsh, run.outcomes, strict=True))
    theory = protocol.bell(run.link)
    won = proportion("S", wins, sum(map(sum, run.outcomes)), (theory + 4) / 8)
    low, middle, high = (8 * each - 4 for each in (won.low, won.measured, won.high))
    return Estimate("S", middle, low, high, won.samples, theory, won.chance)


def settings(protocol: Protocol, link: LinkParameters) -> list[tuple[int, int, int | None]]:
    """Settings of both ends that are of use (of BB84: all), and who listens, where somebody may."""
    used = (
        [(0, 0), (0, 1), (1, 0), (1, 1)] if protocol is BB84 else [*protocol.key, *(each[:2] for each in protocol.chsh)]
    )
    eves = (None, *range(len(EVE_ANGLES))) if link.eavesdropper else (None,)
    return [(sender, receiver, eve) for eve in eves for sender, receiver in used]


def drawn(protocol: Protocol, link: LinkParameters) -> QuantumCircuit:
    """One photon or pair whose outcomes make key, with Eve at Z if there is one."""
    sender, receiver = protocol.key[1]
    eve = 0 if link.eavesdropper else None
    return photon(1, sender, receiver, link, eve) if protocol is BB84 else pair(sender, receiver, link, eve)


def measure(
    protocol: Protocol, link: LinkParameters, shots: int, seed: int, backend: Backend | None = None
) -> Measured:
    """Run the circuits of all `settings`, each bit of BB84's with ``shots``.

    A noisy backend adds errors of its own: then no theory stands beside. Raises what run_circuits raises.
    """
    chosen = settings(protocol, link)
    circuits = [
        circuit
        for sender, receiver, eve in chosen
        for circuit in (
            [photon(bit, sender, receiver, link, eve) for bit in (0, 1)]
            if protocol is BB84
            else [pair(sender, receiver, link, eve)]
        )
    ]
    run = run_circuits(circuits, shots, seed, backend)
    each = len(circuits) // len(chosen)
    theory = protocol.differ(link)
    found = []
    for place, (sender, receiver, eve) in enumerate(chosen):
        counts = run.counts[each * place : each * (place + 1)]
        different = sum(
            times
            for bit, counted in enumerate(counts)
            for bits, times in counted.items()
            if bits[-1] != (str(bit) if protocol is BB84 else bits[-2])
        )
        expected = None if backend is not None else float(theory[sender, 0 if eve is None else eve + 1, receiver])
        found.append(proportion(_name(protocol, sender, receiver, eve), different, each * shots, expected))
    return Measured(tuple(found), run.backend, shots, seed, run.seconds)


def _name(protocol: Protocol, sender: int, receiver: int, eve: int | None) -> str:
    ends = [protocol.sender[sender], protocol.receiver[receiver]]
    at = [BASES[angle] if protocol is BB84 else f"{angle:g}°" for angle in ends]
    told = f"{at[0]} measured in {at[1]}" if protocol is BB84 else f"{at[0]} and {at[1]}"
    return told if eve is None else f"{told}, Eve in {BASES[EVE_ANGLES[eve]]}"
