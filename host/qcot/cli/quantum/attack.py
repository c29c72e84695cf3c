"""`qcot quantum attack`: what each attack does to a travelling half, and how often that shows."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.quantum.common import (
    BackendOption,
    JsonOption,
    PngOption,
    SeedOption,
    ShotsOption,
    show,
)

if TYPE_CHECKING:
    from qcot.quantum.attacks import Detection
    from qcot.quantum.statistics import Estimate

EXPLAINS = """\
An attacker acts on the half of a Bell pair that travels from the verifier to the prover, or plays the prover. Two \
things can show it: a check, where both ends measure in Z or X, and the Bell measurement at the end. Below, how often \
each shows it on one pair, counted and in theory. Who attacks n pairs stays unseen with probability (1 - p)^n."""
SINGLE = "The circuit is one attacked pair that carries 11; q_0 stays, q_1 travels, the others are the attacker's."
SIMULATED = (
    "The theory is that of a noiseless link. On a simulator this shows that the circuits do what theory says, no more."
)
TESTS = (1, 8, 32, 128)

AngleOption = Annotated[
    float | None,
    typer.Option("--angle", help="Angle v of entangle-partial in radians, 0 to 1.5708. Without it pi/3."),
]


def attack(
    name: Annotated[
        str,
        typer.Argument(
            help="outsider, intercept-z, intercept-x, intercept-breidbart, entangle, entangle-partial, substitution; "
            "or all of them."
        ),
    ] = "all",
    angle: AngleOption = None,
    backend: BackendOption = "ideal",
    shots: ShotsOption = 2000,
    seed: SeedOption = 1,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Attack pairs of an identity validation, and count how often it shows, beside theory (QUMA 7.2).

    Example: `qcot quantum attack intercept-breidbart`
    """
    from qcot.quantum.attacks import ATTACKS, measure, named_attack
    from qcot.quantum.backends import named_backend
    from qcot.quantum.identity.circuits import bell_circuit

    chosen = [named_attack(name, angle)] if name != "all" or angle is not None else list(ATTACKS.values())
    device = named_backend(backend)
    found = [measure(each, shots, seed, device) for each in chosen]
    single = chosen[0] if len(chosen) == 1 else None
    facts: dict[str, object] = {}
    if single:
        facts |= {"attack": single.does, "QUMA says": single.paper, "corrected": single.corrected}
        if single.angle is not None:
            facts["angle"] = f"{single.angle:.4f} radians"
        facts["shown within n pairs"] = _within(found[0])
    facts |= {
        "ran on": found[0].backend,
        "pairs": f"{shots} for each basis and each of four Paulis",
        "seed": seed,
        "seconds": f"{math.fsum(each.seconds for each in found):.2f}",
    }
    show(
        explains="\n".join([EXPLAINS, *([SINGLE] if single else []), SIMULATED]),
        facts=facts,
        record={"attacks": [_record(each) for each in found]},
        as_json=as_json,
        columns=("attack", "step", "measured", "99 % interval", "theory", ""),
        rows=[row for each in found for row in _rows(each)],
        circuit=bell_circuit(3, single) if single else None,
        png=png,
    )


def _rows(found: Detection) -> list[list[str]]:
    steps = {"Z check": found.z, "X check": found.x, "Z or X check": found.check, "Bell": found.bell}
    return [
        [
            found.attack.name if step == "Z check" else "",
            step,
            f"{each.measured:.4f}",
            f"{each.low:.4f} to {each.high:.4f}",
            f"{each.theory:.4f}",
            "agrees" if each.agrees else "DISAGREES",
        ]
        for step, each in steps.items()
    ]


def _within(found: Detection) -> str:
    from qcot.quantum.attacks import detected_within

    return "; ".join(
        f"{n}: {detected_within(found.attack.detection_check, n):.4g} in checks, "
        f"{detected_within(found.attack.detection_bell, n):.4g} in Bell measurements"
        for n in TESTS
    )


def _record(found: Detection) -> dict[str, Any]:
    attack = found.attack
    return {
        **{name: getattr(attack, name) for name in ("name", "does", "paper", "corrected", "angle")},
        "detection": {name: _estimate(getattr(found, name)) for name in ("z", "x", "check", "bell")},
        **{name: getattr(found, name) for name in ("backend", "shots", "seed", "seconds")},
    }


def _estimate(value: Estimate) -> dict[str, Any]:
    return {**asdict(value), "agrees": value.agrees}


COMMAND = attack
