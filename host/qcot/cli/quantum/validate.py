"""`qcot quantum validate`: the four steps of an identity validation, with keys of a throw-away store."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.quantum.common import BackendOption, JsonOption, PngOption, SeedOption, counting, show
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qcot.quantum.attacks import Attack
    from qcot.quantum.backends import Backend
    from qcot.quantum.identity import Parameters, Validation

EXPLAINS = """\
A verifier wants to know whether the other end, the prover, holds the key that the two share, before it takes a \
record from it. It sends one half of each of n + d Bell pairs. The prover measures d of them, and both compare: an \
eavesdropper would have left errors. On the other n the prover writes HMAC-SHA-256(key, nonce || record hash), two \
bits a pair, and sends them back. Both ends burn the key before anything is measured, whatever comes of it.
The circuit is one pair that carries the bits 11, with the attack if there is one; q_0 stays with the verifier.
Here the link and the keys are simulated, so what binds the identity is HMAC-SHA-256, not physics."""
MAX_RUNS = 1_000


def validate(
    pairs: Annotated[int, typer.Option("--pairs", help="Pairs that carry two bits of the tag each, 1 to 128.")] = 128,
    checks: Annotated[int, typer.Option("--checks", help="Pairs that are measured as checks, 1 to 4,096.")] = 128,
    tau: Annotated[
        int | None, typer.Option("--tau", help="Wrong checks that are accepted. Without it 12 of 128, in proportion.")
    ] = None,
    attack: Annotated[
        str | None, typer.Option("--attack", help="Let this attack act on every pair: see `qcot quantum attack`.")
    ] = None,
    angle: Annotated[float | None, typer.Option("--angle", help="Its angle, if it has one (radians).")] = None,
    record: Annotated[
        str | None, typer.Option("--record", help="Hash of the record, 64 hex digits. Without it an example's.")
    ] = None,
    backend: BackendOption = "ideal",
    runs: Annotated[
        int, typer.Option("--shots", help="How often the whole protocol runs, each time with a new key, 1 to 1,000.")
    ] = 1,
    seed: SeedOption = 1,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate an identity: Bell pairs, random checks, and a key that is burnt by use (QUMA 5.3, 5.7).

    Exit status 1 if an identity is refused without an --attack.

    Example: `qcot quantum validate --attack intercept-z`
    """
    from qcot.quantum.attacks import named_attack
    from qcot.quantum.attacks.problems import BAD_ANGLE
    from qcot.quantum.backends import named_backend, require_seed
    from qcot.quantum.identity import Parameters, false_reject, miss
    from qcot.quantum.identity.circuits import bell_circuit
    from qcot.quantum.identity.problems import BAD_RUNS

    if not 1 <= runs <= MAX_RUNS:
        raise QcotError(BAD_RUNS, f"--shots is {runs}")
    if angle is not None and attack is None:
        raise QcotError(BAD_ANGLE, "--angle is given without --attack")
    require_seed(seed)
    parameters = Parameters.scaled(pairs, checks, tau)
    chosen = named_attack(attack, angle) if attack is not None else None
    device = named_backend(backend)
    record_hash = _record_hash(record)
    with counting("validating", as_json or runs == 1) as tell:
        done, again = _run(runs, record_hash, parameters, seed, chosen, device, tell)
    first = done[0]
    accepted, seconds = sum(each.accepted for each in done), sum(each.seconds for each in done)
    honest = false_reject(parameters, 0.02)
    odds = f"{honest.either:.2g} (checks {honest.check:.2g}, Bell {honest.bell:.2g})"
    facts: dict[str, object] = {
        "key": f"{first.key_id}, burnt at both ends; asked for again: {again}",
        "refused at 2 % noise though honest": odds,
    }
    if chosen:
        passing = miss(parameters, chosen.detection_check, chosen.detection_bell)
        facts["attack"] = chosen.does
        facts["accepted under this attack, in theory"] = f"{passing.both:.2g} (checks {passing.check:.2g})"
    facts |= {
        "ran on": first.backend,
        "shots": f"{parameters.pairs + parameters.checks}, one a pair",
        "seed": seed,
        "seconds": f"{seconds:.3f}",
        "runs accepted": f"{accepted} of {runs}",
        "result": "accepted" if first.accepted else f"refused, {first.problem and first.problem.name}: {first.reason}",
    }
    show(
        explains=EXPLAINS,
        facts=facts,
        record={
            "backend": first.backend,
            "shots": parameters.pairs + parameters.checks,
            "seed": seed,
            "seconds": seconds,
            "runs": runs,
            "accepted": accepted,
            "validations": [_record(each) for each in done],
        },
        as_json=as_json,
        columns=("", "who", "what is done", "what came of it"),
        rows=_rows(first),
        circuit=bell_circuit(3, chosen),
        png=png,
        device=device,
    )
    if chosen is None and not as_json:
        for each in done:
            each.require()
    if chosen is None and accepted < runs:
        raise typer.Exit(1)


def _record_hash(text: str | None) -> bytes:
    from qcot.quantum.identity.machines import HASH_BYTES
    from qcot.quantum.identity.problems import BAD_RECORD_HASH
    from qcot.quantum.walk import walk_hash

    if text is None:
        return walk_hash(b"an example's record")
    try:
        given = bytes.fromhex(text)
    except ValueError as error:
        raise QcotError(BAD_RECORD_HASH, f"--record: {error}") from error
    if len(given) != HASH_BYTES:
        raise QcotError(BAD_RECORD_HASH, f"--record has {len(given)} bytes")
    return given


def _run(
    runs: int,
    record_hash: bytes,
    parameters: Parameters,
    seed: int,
    attack: Attack | None,
    backend: Backend | None,
    tell: Callable[[int, int], None],
) -> tuple[list[Validation], str]:
    """Validate between two stores on disk that hold the same keys; then ask for the first key again."""
    import numpy as np

    from qcot.quantum.backends import MAX_SEED
    from qcot.quantum.identity import validate as run
    from qcot.quantum.qkd import Key, KeyStore

    random = np.random.default_rng(seed)
    keys = [Key(uuid.UUID(bytes=random.bytes(16), version=4), random.bytes(32)) for _ in range(runs)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qcot-validate-")))
        verifier = stack.enter_context(KeyStore(folder / "verifier.keys"))
        prover = stack.enter_context(KeyStore(folder / "prover.keys"))
        verifier.add(keys)
        prover.add(keys)
        done: list[Validation] = []
        while len(done) < runs:
            each_seed, nonce = int(random.integers(MAX_SEED)), random.bytes(32)
            how: dict[str, Any] = {"seed": each_seed, "attack": attack, "backend": backend, "nonce": nonce}
            done.append(run(verifier, prover, record_hash, parameters, **how))
            tell(len(done), runs)
        try:
            prover.take_by_id(done[0].key_id)
        except QcotError as error:
            return done, f"refused, {error.problem.name}"
        raise AssertionError("a key was handed out twice")


def _rows(found: Validation) -> list[list[str]]:
    from qcot.quantum.identity.paper import FIGURE_8

    told = found.announcement
    sample = ", ".join(
        f"half {position + 1} in {basis} gave {result}"
        for position, basis, result in zip(told.positions[:2], told.bases, told.results, strict=False)
    )
    sizes = found.parameters
    encoded = "not reached" if found.mismatches is None else f"{2 * sizes.pairs} bits of the tag on {sizes.pairs} pairs"
    compared = (
        "not reached"
        if found.mismatches is None
        else f"{found.mismatches} of {sizes.pairs} mismatch, at most {sizes.mismatches} may"
    )
    came = (
        f"key {str(found.key_id)[:8]}..., nonce {found.nonce.hex()[:8]}..., {sizes.pairs + sizes.checks} pairs",
        f"{sample}, ...: {found.check_errors} of {sizes.checks} differ, at most {sizes.tau} may",
        encoded,
        compared,
    )
    return [[str(step.number), step.who, step.does, result] for step, result in zip(FIGURE_8, came, strict=True)]


def _record(found: Validation) -> dict[str, Any]:
    sizes = found.parameters
    return {
        "accepted": found.accepted,
        "pairs": sizes.pairs,
        "checks": sizes.checks,
        "tau": sizes.tau,
        "mismatches_accepted": sizes.mismatches,
        "check_errors": found.check_errors,
        "mismatches": found.mismatches,
        "key_id": found.key_id,
        "nonce": found.nonce,
        "record_hash": found.record_hash,
        "attack": found.attack,
        "backend": found.backend,
        "seed": found.seed,
        "seconds": found.seconds,
        "problem": found.problem and found.problem.name,
        "reason": found.reason,
        "remedy": found.problem and found.problem.remedy,
    }


COMMANDS = {"validate": validate}
