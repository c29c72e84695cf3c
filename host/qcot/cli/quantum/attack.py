"""`qcot quantum attack`: what each attack does to a travelling half, and how often that shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    from qcot.quantum.attacks import Attack, Detection
    from qcot.quantum.attacks.qblocks import QblockDetection
    from qcot.quantum.statistics import Estimate

PAIRS = """\
An attacker acts on the half of a Bell pair that travels from the verifier to the prover, or plays the prover. Two \
things can show it: a check, where both ends measure in Z or X, and the Bell measurement at the end. Below, how often \
each shows it on one pair, counted and in theory. Who attacks n pairs stays unseen with probability (1 - p)^n."""
QBLOCK = """\
A forger alters a recorded chain of Qblocks: one block, one link, or a block and all after it. The state is prepared \
from what she recorded and checked against what it should be, by inversion of the whole chain and by the block alone."""
SINGLE = "The circuit is one attacked pair that carries 11; q_0 stays, q_1 travels, the others are the attacker's."
UNATTACKED = "The circuit is one pair that carries 11, without an attack; an attack acts on q_1 where it travels."
FORGED = "The circuit prepares the forged chain and undoes the honest one: anything but zeros shows the forgery."
QBLOCKS = 4
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
            "on Qblocks: block, link, tail; or all of them."
        ),
    ] = "all",
    angle: AngleOption = None,
    backend: BackendOption = "ideal",
    shots: ShotsOption = 2000,
    seed: SeedOption = 1,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Attack identity validations and Qblocks, and count how often it shows, beside theory (QUMA 7.2, 7.3).

    Example: `qcot quantum attack intercept-breidbart`
    """
    from qcot.quantum.attacks import measure, named_attack
    from qcot.quantum.attacks.problems import BAD_ANGLE
    from qcot.quantum.attacks.qblocks import QBLOCK_ATTACKS, measure_forgery
    from qcot.quantum.backends import named_backend
    from qcot.quantum.identity.circuits import bell_circuit
    from qcot.quantum.qblock import Chain, inverse_circuit

    forgeries = [each for each in QBLOCK_ATTACKS if name in (each.name, "all")]
    only_qblocks = bool(forgeries) and name != "all"
    if only_qblocks and angle is not None:
        raise QcotError(BAD_ANGLE, f"{name} has no angle; `qcot quantum qblock --forge {name} --delta` has")
    if name == "all" and angle is not None:
        raise QcotError(BAD_ANGLE, "all attacks have none in common; entangle-partial has one")
    chosen = [] if only_qblocks else _all() if name == "all" else [named_attack(name, angle)]
    device = named_backend(backend)
    honest = Chain.random(QBLOCKS, seed)
    found: list[Detection] = []
    forged: list[QblockDetection] = []
    with working(as_json) as tell:
        for each in chosen:
            tell(f"attack {len(found) + 1} of {len(chosen) + len(forgeries)}: {each.name}")
            found.append(measure(each, shots, seed, device))
        for forgery in forgeries:
            tell(f"attack {len(found) + len(forged) + 1} of {len(chosen) + len(forgeries)}: {forgery.name}")
            forged.append(measure_forgery(forgery, honest, shots, seed, backend=device))
    facts: dict[str, object] = {}
    circuit, drawn = bell_circuit(3), UNATTACKED
    if len(found) == 1 and not forged:
        single = chosen[0]
        circuit, drawn = bell_circuit(3, single), SINGLE
        facts |= {"attack": single.does, "QUMA says": single.paper, "corrected": single.corrected}
        if single.angle is not None:
            facts["angle"] = f"{single.angle:.4f} radians"
        facts["shown within n pairs"] = _within(found[0])
    elif only_qblocks:
        circuit, drawn = inverse_circuit(forged[0].forged, honest), FORGED
        facts["attack"] = forgeries[0].does
        facts["QUMA says"] = "Ravana cannot alter a block and those after it at the same time (7.3)"
        facts["corrected"] = "she can; what shows it is this check, and SHA-256 and ML-DSA for certain"
    if forged:
        facts["Qblocks"] = f"a random chain of {QBLOCKS}"
    each_of = ["each basis and each of four Paulis"] * bool(found) + ["each check of a Qblock"] * bool(forged)
    ran_on = found[0].backend if found else forged[0].check.backend
    seconds = math.fsum([*(each.seconds for each in found), *(each.check.seconds for each in forged)])
    facts |= {
        "ran on": ran_on,
        "shots": f"{shots} for {', '.join(each_of)}",
        "seed": seed,
        "seconds": f"{seconds:.2f}",
    }
    pairs, blocks = [_record(each) for each in found], [_forged_record(each) for each in forged]
    show(
        explains="\n".join(filter(None, [PAIRS if found else "", QBLOCK if forged else "", drawn, SIMULATED])),
        facts=facts,
        record={
            "backend": ran_on,
            "shots": shots,
            "seed": seed,
            "seconds": seconds,
            "attacks": pairs,
            "qblock_attacks": blocks,
        },
        as_json=as_json,
        columns=("attack", "step", "measured", "99 % interval", "theory", ""),
        rows=[row for each in found for row in _rows(each)] + [row for each in forged for row in _forged_rows(each)],
        circuit=circuit,
        png=png,
        device=device,
    )


def _all() -> list[Attack]:
    from qcot.quantum.attacks import ATTACKS

    return list(ATTACKS.values())


def _rows(found: Detection) -> list[list[str]]:
    steps = {"Z check": found.z, "X check": found.x, "Z or X check": found.check, "Bell": found.bell}
    return _step_rows(found.attack.name, steps)


def _forged_rows(found: QblockDetection) -> list[list[str]]:
    steps = {"inversion": found.inverse, "own check": found.local}
    return _step_rows(f"Qblock: {found.attack.name}", steps)


def _step_rows(name: str, steps: Mapping[str, Estimate]) -> list[list[str]]:
    return [
        [
            name if number == 0 else "",
            step,
            f"{each.measured:.4f}",
            f"{each.low:.4f} to {each.high:.4f}",
            "" if each.theory is None else f"{each.theory:.4f}",
            "" if each.agrees is None else "agrees" if each.agrees else "DISAGREES",
        ]
        for number, (step, each) in enumerate(steps.items())
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
        "detection": {name: estimate_record(getattr(found, name)) for name in ("z", "x", "check", "bell")},
        **{name: getattr(found, name) for name in ("backend", "shots", "seed", "seconds")},
    }


def _forged_record(found: QblockDetection) -> dict[str, Any]:
    check = found.check
    return {
        "name": found.attack.name,
        "does": found.attack.does,
        "at": found.at,
        "blocks": QBLOCKS,
        "detection": {"inversion": estimate_record(found.inverse), "local": estimate_record(found.local)},
        **{name: getattr(check, name) for name in ("backend", "shots", "seed", "seconds")},
    }


COMMANDS = {"attack": attack}
