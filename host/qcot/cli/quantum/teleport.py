"""`qcot quantum teleport`: qubits over repeaters, and one message through the four Q-IoT layers."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.quantum.common import (
    BackendOption,
    JsonOption,
    PngOption,
    SeedOption,
    ShotsOption,
    estimate_record,
    show,
    working,
)
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qcot.quantum.statistics import Estimate
    from qcot.quantum.teleport import Chain, Journey, Measurement, Prediction

EXPLAINS = """\
Entangled pairs are made on short links and joined by repeaters (entanglement swapping); over the pair that results, a \
qubit is teleported: a Bell measurement at the sender, two classical bits, a correction at the receiver. Noisy pairs, \
light lost in the fibre and memories that dephase while they wait cost fidelity; below 2/3 it would be as good to \
measure the qubit and send the result. Then one message travels the four layers of QCoT's quantum Internet of Things.
The circuit is that of one qubit over at most two hops, each further one repeats the second; the environment qubits \
are the links' noise.
This is a simulation unless the backend is a quantum computer, and then the distance still is. Teleporting classical \
bits keeps nothing secret by itself."""
HOPS_SHOWN = (1, 2, 4, 8, 16)
HOPS_DRAWN = 2
COLUMNS = ("hops", "km a hop", "pairs/s", "wait ms", "coherence", "pair", "qubit", "> 2/3", "bit error")


def teleport(
    hops: Annotated[int, typer.Option("--hops", help="Links between the ends, 1 to 32; repeaters are one fewer.")] = 2,
    distance: Annotated[float, typer.Option("--distance", help="Fibre from end to end, in km, 0 to 20,000.")] = 100.0,
    t2: Annotated[float, typer.Option("--t2", help="T2 of the memories in ms; inf for perfect ones.")] = 100.0,
    fidelity: Annotated[float, typer.Option("--fidelity", help="Fidelity of a link's fresh pair, 0.25 to 1.")] = 0.98,
    message: Annotated[
        str, typer.Option("--message", help="What the sensor says, at most 64 bytes of UTF-8.")
    ] = "temperature 21.5 °C",
    repeats: Annotated[
        int, typer.Option("--repeats", help="Qubits a bit, an odd number from 1 to 99: the majority decides.")
    ] = 5,
    backend: BackendOption = "ideal",
    shots: ShotsOption = 1000,
    seed: SeedOption = 1,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Teleport qubits over repeaters, and a message through the four Q-IoT layers (QCoT, Fig. 2.3).

    Example: `qcot quantum teleport --hops 4 --distance 200 --t2 50 --message "door open"`
    """
    from qcot.quantum.backends import named_backend
    from qcot.quantum.teleport import INPUTS, Chain, measure, predict, send, teleport_circuit
    from qcot.quantum.teleport.circuits import supports_feed_forward

    chain = Chain(hops, distance, fidelity, t2)
    chosen = named_backend(backend)
    with working(as_json) as tell:
        tell("sending the message")
        journey = send(message, chain, seed, repeats, chosen)
        tell("measuring the fidelity")
        found = measure(chain, shots, seed, chosen)
    theory = _by_hops(chain)
    facts: dict[str, object] = {
        f"{step.layer}{f' ({step.device})' if step.layer == 'quantum network' else ''}": step.did
        for step in journey.steps
    }
    facts |= {each.name: _said(each) for each in (*found.axes, found.mean, journey.raw_error)}
    facts |= {
        "ran on": found.backend,
        "shots": f"{shots} of each of {len(INPUTS)} states; {repeats} a bit of the message",
        "seed": seed,
        "seconds": f"{found.seconds + journey.seconds:.3f}",
    }
    show(
        explains=EXPLAINS,
        facts=facts,
        record=_record(found, journey, theory),
        as_json=as_json,
        columns=COLUMNS,
        rows=[_row(each) for each in theory],
        circuit=teleport_circuit(
            predict(_drawn(chain)), INPUTS[2], undo=True, feed_forward=supports_feed_forward(chosen)
        ),
        png=png,
        device=chosen,
    )


def _drawn(chain: Chain) -> Chain:
    """The chain's first hops, as many as a reader needs to see."""
    hops = min(chain.hops, HOPS_DRAWN)
    return dataclasses.replace(chain, hops=hops, distance_km=hops * chain.link_km)


def _by_hops(chain: Chain) -> list[Prediction]:
    """Theory at this distance for other numbers of hops, those left out whose hops would be too long."""
    from qcot.quantum.teleport import predict

    found = []
    for hops in sorted({chain.hops, *HOPS_SHOWN}):
        with contextlib.suppress(QcotError):
            found.append(predict(dataclasses.replace(chain, hops=hops)))
    return found


def _row(each: Prediction) -> list[str]:
    return [
        str(each.chain.hops),
        f"{each.chain.link_km:.4g}",
        f"{each.pairs_per_second:.4g}",
        f"{each.wait_ms:.4g}",
        f"{each.coherence:.4f}",
        f"{each.pair_fidelity:.4f}",
        f"{each.fidelity:.4f}",
        "yes" if each.beats_classical else "no",
        f"{each.bit_error:.4f}",
    ]


def _said(each: Estimate) -> str:
    verdict = {True: "agrees", False: "DISAGREES", None: ""}[each.agrees]
    theory = "" if each.theory is None else f", theory {each.theory:.4f}, {verdict}"
    return f"{each.measured:.4f} ({each.low:.4f} to {each.high:.4f}){theory}"


def _record(found: Measurement, journey: Journey, theory: list[Prediction]) -> dict[str, Any]:
    return {
        "backend": found.backend,
        "shots": found.shots,
        "seed": found.seed,
        "seconds": found.seconds + journey.seconds,
        "fidelity": estimate_record(found.mean),
        "axes": [estimate_record(each) for each in found.axes],
        "theory_by_hops": [_theory(each) for each in theory],
        "message": {
            "sent": journey.sent,
            "received": journey.text,
            "received_bytes": journey.received,
            "intact": journey.intact,
            "bits": journey.bits,
            "repeats": journey.repeats,
            "qubits_flipped": journey.flipped,
            "bit_errors": journey.bit_errors,
            "raw_error": estimate_record(journey.raw_error),
            "layers": [dataclasses.asdict(step) for step in journey.steps],
        },
    }


def _theory(each: Prediction) -> dict[str, Any]:
    return dataclasses.asdict(each.chain) | {
        "attempts": each.attempts,
        "wait_ms": each.wait_ms,
        "pairs_per_second": each.pairs_per_second,
        "coherence": each.coherence,
        "pair_fidelity": each.pair_fidelity,
        "qubit_fidelity": each.fidelity,
        "beats_classical": each.beats_classical,
        "bit_error": each.bit_error,
    }


COMMANDS = {"teleport": teleport}
