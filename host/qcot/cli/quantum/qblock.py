"""`qcot quantum qblock`: a chain of Qblocks, how entangled it is, and what its checks see of a forgery."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.common import HomeOption, open_home
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
from qcot.errors import Problem, QcotError

if TYPE_CHECKING:
    from qcot.home import Home
    from qcot.quantum.qblock import Chain, ChainCheck, ClosedForm
    from qcot.quantum.statistics import Estimate

EXPLAINS = """\
One qubit a Qblock: H, a phase theta from its walk hash, and a controlled phase phi from its time to the next one, so \
that every block is entangled with the next (QUMA 4.1, 4.4, 5.6). Whoever has the recipe checks a state by undoing it: \
the whole chain by inversion (all zeros if it is right), or each block from its neighbours alone, even blocks while \
odd ones are measured and the other way round.
{chain}{drawn}
The table: phases as prepared, concurrence and entropy of the cut to the next block, entropy of the block itself, and \
how often a shot of its own check shows it.
The theory is that of a noiseless machine. One qubit does not authenticate a block: a forger's random phase passes s \
shots with probability about 1/sqrt(pi s), and a small enough one nearly always. What carries the security is SHA-256, \
ML-DSA and the comparison of the integers h and t; what runs here is a simulation unless the backend is a quantum \
computer."""
DRAWN = " The circuit is drawn for its first {drawn} blocks."
DRAWN_BLOCKS = 3
RANDOM_BLOCKS = LEDGER_BLOCKS = 3
RUN_BLOCKS = 1000
"""The longest chain that is run as circuits unless somebody asks for more."""
ROWS = 12
LISTED = 1000
"""The most blocks whose phases the JSON lists."""
STATE_BLOCKS = 3
COLUMNS = ("Qblock", "t ms", "theta", "phi on", "C of cut", "bits of cut", "bits of block", "shown")

ONE_CHAIN = Problem("qblock-which", "Give --blocks for a random chain, or --home and --last for a ledger's.")
BAD_METHOD = Problem("qblock-method", "Give --method auto, run or closed.")


@dataclass(frozen=True)
class _Source:
    """A chain as it is recorded and as it should be, the height of its first block, and where it is from."""

    recorded: Chain
    expected: Chain
    height: int
    says: str


def qblock(
    context: typer.Context,
    blocks: Annotated[
        int | None, typer.Option("--blocks", help="A random chain of so many Qblocks.", show_default="3")
    ] = None,
    home: HomeOption = None,
    last: Annotated[
        int | None,
        typer.Option("--last", help="The newest so many of the ledger.", min=1, show_default="3 with --home"),
    ] = None,
    forge: Annotated[str | None, typer.Option("--forge", help="Prepare a forged block, link or tail.")] = None,
    at: Annotated[
        int | None, typer.Option("--at", help="Where, counted from the first shown.", show_default="the middle")
    ] = None,
    delta: Annotated[
        float | None, typer.Option("--delta", help="By so many radians.", show_default="at random")
    ] = None,
    miss: Annotated[float, typer.Option("--miss", help="Find the shots that miss with this probability.")] = 1e-6,
    method: Annotated[
        str, typer.Option("--method", help="run, closed (form only, up to 10,000,000 blocks), or auto.")
    ] = "auto",
    backend: BackendOption = "ideal",
    shots: ShotsOption = 1000,
    seed: SeedOption = 1,
    png: PngOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a chain of Qblocks, check it, and see what its checks show of a forgery.

    Status 1 where a ledger's phases are not those of its headers.

    Example: `qcot quantum qblock --blocks 5 --forge tail`
    """
    from qcot.quantum.attacks.qblocks import BAD_FORGERY, qblock_attack
    from qcot.quantum.attacks.qblocks import forge as forge_chain
    from qcot.quantum.backends import named_backend, require_shots
    from qcot.quantum.qblock import Chain, check_chain, compare, inverse_circuit, run_chain_check, shots_for_mean_miss

    require_shots(shots)
    shots_for_mean_miss(miss)
    if method not in ("auto", "run", "closed"):
        raise QcotError(BAD_METHOD, f"--method {method!r}")
    if forge is None and (at is not None or delta is not None):
        raise QcotError(BAD_FORGERY, "--at and --delta are of a forgery, and --forge is not given")
    asked = context.get_parameter_source("home")  # QCOT_HOME alone asks for no ledger
    named = asked is not None and asked.name == "COMMANDLINE"
    if last is None and not named:
        made = Chain.random(RANDOM_BLOCKS if blocks is None else blocks, seed)
        source = _Source(made, made, 0, f"This chain is random, from seed {seed}.")
    elif blocks is None:
        source = _stored(open_home(home), LEDGER_BLOCKS if last is None else last)
    else:
        raise QcotError(ONE_CHAIN, f"--blocks {blocks} and a ledger")
    attack = qblock_attack(forge) if forge else None
    prepared, place = forge_chain(attack, source.expected, seed, at, delta) if attack else (source.recorded, None)
    began = time.perf_counter()
    theory = check_chain(prepared, source.expected)
    closed_seconds = time.perf_counter() - began
    runs = method == "run" or (method == "auto" and len(prepared) <= RUN_BLOCKS)
    device = named_backend(backend)
    check = None
    if runs:
        with working(as_json) as tell:
            tell(f"checking {len(prepared):,} Qblocks")
            check = run_chain_check(prepared, source.expected, shots, seed, device)
    drawn = len(prepared) if len(prepared) <= ROWS else DRAWN_BLOCKS
    partly = DRAWN.format(drawn=drawn) if drawn < len(prepared) else ""
    forged = f" {attack.does.capitalize()}: Qblock {source.height + (place or 0)}." if attack else ""
    estimates = compare(check, theory) if check else ()
    show(
        explains=EXPLAINS.format(chain=source.says + forged, drawn=partly),
        facts=_facts(prepared, theory, estimates, miss, shots) | _ran(check, len(prepared), closed_seconds, seed),
        record=_record(source, prepared, theory, check, estimates, miss)
        | {"forged": forge, "at": place, "shots": shots, "seed": seed, "seconds_closed_form": closed_seconds},
        as_json=as_json,
        columns=COLUMNS,
        rows=_rows(source.height, prepared, theory, place),
        circuit=inverse_circuit(_first(prepared, drawn), _first(source.expected, drawn)),
        png=png,
        device=device,
    )
    if attack is None and theory.first_wrong is not None:
        raise typer.Exit(1)


def _stored(home: Home, last: int) -> _Source:
    """The newest Qblocks of a ledger: phases as their headers record them, and as their cores give them."""
    from qcot.cli.ledger import NO_SUCH_QBLOCK
    from qcot.ledger.reader import Reader
    from qcot.quantum.qblock import Chain, phases_from
    from qcot.quantum.walk import walk_hash_many

    with Reader.open(home.ledger) as ledger, ledger.snapshot():
        count = ledger.height()
        heights = range(max(count - last, 0), count)
        first, headers = ledger.header(0), [header for each in heights if (header := ledger.header(each))]
    if first is None or not headers:
        raise QcotError(NO_SUCH_QBLOCK, "the ledger holds no Qblock yet")
    hashes = walk_hash_many([sha256(header.core.encode()).digest() for header in headers])
    expected = [
        phases_from(qhash, header.core.time - first.core.time) for qhash, header in zip(hashes, headers, strict=True)
    ]
    says = (
        f"This chain is Qblocks {heights[0]} to {heights[-1]} of {home.ledger}: recorded phases, against their cores'."
    )
    return _Source(Chain.of(header.quantum.phases for header in headers), Chain.of(expected), heights[0], says)


def _first(chain: Chain, blocks: int) -> Chain:
    return dataclasses.replace(chain, h=chain.h[:blocks], t_ms=chain.t_ms[:blocks])


def _facts(
    chain: Chain, theory: ClosedForm, estimates: tuple[Estimate, ...], miss: float, shots: int
) -> dict[str, object]:
    from qcot.quantum.qblock import block_entropy, cut_concurrence, cut_entropy, mean_miss, shots_for_mean_miss

    found: dict[str, object] = {}
    if len(chain) <= STATE_BLOCKS:
        found["state"] = _state(chain)
    if len(chain) > 1:
        found["cuts"] = f"concurrence {_range(cut_concurrence(chain))}, entropy {_range(cut_entropy(chain))} bits"
        found["blocks"] = f"entropy {_range(block_entropy(chain))} bits with all the others"
    found |= {f"shown {each.name}": _said(each) for each in estimates}
    if not estimates:
        found["shown by inversion, theory"] = f"{theory.detection:.6g} of all shots"
        found["shown locally, theory"] = ", ".join(f"{each:.6g}" for each in theory.colours) + " of all shots"
    if theory.first_wrong is None:
        found["verdict"] = "every integer is the same: passes with certainty"
    else:
        found["verdict"] = f"passes {shots} shots by inversion with probability {theory.passes(shots):.3g}, " + (
            f"of each colour {theory.passes_local(shots):.3g}"
        )
        found[f"shots to miss {miss:g}"] = (
            f"{theory.shots_for(miss):.6g} by inversion, {theory.local_shots_for(miss):.6g} of each colour"
        )
    found["one random block"] = (
        f"missed by {shots} shots with probability {mean_miss(shots):.3g}, as any one qubit; {miss:g} takes "
        f"{shots_for_mean_miss(miss):,}"
    )
    found["k rewritten blocks"] = "mean fidelity 2^-k: each shot by inversion misses them that often on average"
    return found


def _ran(check: ChainCheck | None, blocks: int, closed_seconds: float, seed: int) -> dict[str, object]:
    closed = {"closed form": f"{blocks:,} Qblocks in {closed_seconds:.3f} s"}
    if check is None:
        return closed | {"ran on": "nothing: closed form only", "seed": seed}
    return closed | {
        "ran on": check.backend,
        "shots": f"{check.shots} of each of {1 + len(check.silent)} circuits",
        "seed": check.seed,
        "seconds": f"{check.seconds:.3f}",
    }


def _state(chain: Chain) -> str:
    """Phases of all basis states, newest block left as Qiskit writes them, in radians from 0 to 2 pi."""
    size = len(chain)
    theta, phi = chain.theta.tolist(), chain.phi.tolist()
    parts = []
    for index in range(1 << size):
        bits = [index >> block & 1 for block in range(size)]
        angle = math.fsum(a for a, bit in zip(theta, bits, strict=True) if bit)
        angle += math.fsum(phi[j] for j in range(size - 1) if bits[j] and bits[j + 1])
        parts.append(f"|{index:0{size}b}> {angle % math.tau:.4f}")
    return f"2^(-{size}/2) e^(i angle): " + ", ".join(parts)


def _rows(height: int, chain: Chain, theory: ClosedForm, place: int | None) -> list[list[str]]:
    """The blocks' phases and entanglement; of a long chain the ends and where it was forged."""
    shown = _shown(len(chain), place)
    return [
        [
            str(height + block["block"]), str(block["t_ms"]), f"{block['theta']:.4f}",
            *("" if block[name] is None else f"{block[name]:.4f}" for name in ("phi", "concurrence", "cut_entropy")),
            f"{block['entropy']:.4f}", f"{block['detection']:.3g}",
        ]
        for block in _listed(chain, theory, shown)
    ]  # fmt: skip


def _shown(blocks: int, place: int | None) -> list[int]:
    if blocks <= ROWS:
        return list(range(blocks))
    middle = [] if place is None else range(max(place - 1, 0), min(place + 2, blocks))
    return sorted({*range(3), *middle, *range(blocks - 3, blocks)})


def _listed(chain: Chain, theory: ClosedForm, which: list[int]) -> list[dict[str, Any]]:
    from qcot.quantum.qblock import block_entropy, cut_concurrence, cut_entropy

    theta, entropy = chain.theta, block_entropy(chain)
    cuts = {"phi": chain.phi, "concurrence": cut_concurrence(chain), "cut_entropy": cut_entropy(chain)}
    return [
        {
            "block": at,
            "h": int(chain.h[at]),
            "t_ms": int(chain.t_ms[at]),
            "theta": float(theta[at]),
            **{name: float(values[at]) if at < len(values) else None for name, values in cuts.items()},
            "entropy": float(entropy[at]),
            "detection": float(theory.local[at]),
        }
        for at in which
    ]


def _record(
    source: _Source,
    prepared: Chain,
    theory: ClosedForm,
    check: ChainCheck | None,
    estimates: tuple[Estimate, ...],
    miss: float,
) -> dict[str, Any]:
    from qcot.quantum.qblock import shots_for_mean_miss

    wrong = theory.first_wrong is not None
    return {
        "blocks": len(prepared),
        "first_height": source.height,
        "method": "run" if check else "closed",
        "backend": check.backend if check else None,
        "seconds": check.seconds if check else 0.0,
        "first_wrong": theory.first_wrong,
        "theory": {
            "fidelity": theory.fidelity,
            "detection": theory.detection,
            "colours": list(theory.colours),
        },
        "measured": [estimate_record(each) for each in estimates],
        "detected": check.detected.tolist() if check else None,
        "miss": miss,
        "shots_for_miss": theory.shots_for(miss) if wrong else None,
        "local_shots_for_miss": theory.local_shots_for(miss) if wrong else None,
        "shots_for_mean_miss": shots_for_mean_miss(miss),
        "phases": _listed(prepared, theory, list(range(min(len(prepared), LISTED)))),
    }


def _range(values: Any) -> str:
    return f"{values.min():.6f} to {values.max():.6f}"


def _said(each: Estimate) -> str:
    verdict = "agrees" if each.agrees else "DISAGREES"
    return f"{each.measured:.4f} ({each.low:.4f} to {each.high:.4f}) of all shots, theory {each.theory:.4f}, {verdict}"


COMMANDS = {"qblock": qblock}
