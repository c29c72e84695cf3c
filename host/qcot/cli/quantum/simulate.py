"""`qcot quantum simulate`: the hospital network in discrete events, with the whole protocol and its faults."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qcot.cli.common import err, print_table
from qcot.cli.quantum.common import (
    PICTURE_UNWRITABLE,
    BackendOption,
    JsonOption,
    SeedOption,
    ShotsOption,
    picture,
    show,
    working,
)
from qcot.errors import QcotError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qcot.quantum.network import Simulation, Topology

EXPLAINS = """\
A network of hospitals on a simulated clock. Each pair makes keys over its quantum link; a hospital publishes the hash \
of a record; every other one validates the publisher (Bell pairs and a key used once), verifies the record and votes; \
all commit to quantum random bytes and reveal them, which draws the bookkeeper; it makes a Qblock, the others validate \
it, double-check the Qblock and append it to their replicas.
The circuit is the local check of the newest Qblock. Clock, fibres and qubits are simulated; hashes, key \
distillation, validation and the draw are the real code. Classical messages are taken to be authenticated."""
FAULT_HELP = """NAME or NAME:TARGET. outsider, tapped-keys[:A-B], tapped-validation[:A-B], altered-body, \
altered-record, altered-phase, silent-revealer[:A], node-down[:A], link-cut[:A-B]."""
LINK_COLUMNS = ("link", "km", "delay µs", "quantum km", "loss dB", "arrive", "depolarizing")
STAGE_COLUMNS = ("Qblock", "step", "QUMA", "from s", "to s", "what happened")
OUTCOME_COLUMNS = ("member", "replica", "Qblocks", "newest")
NS_PER_S = 1e9


def simulate(
    topology: Annotated[
        str, typer.Option("--topology", help="A JSON file, or hospital, campus-sequence, city-qnet.")
    ] = "hospital",
    shape: Annotated[str, typer.Option("--format", help="Of the file: auto, qcot, sequence or qnet.")] = "auto",
    records: Annotated[int, typer.Option("--records", help="Records published for each Qblock, 1 to 64.")] = 2,
    blocks: Annotated[int, typer.Option("--blocks", help="Qblocks, one every ten simulated minutes, 1 to 64.")] = 2,
    fault: Annotated[str | None, typer.Option("--fault", help=FAULT_HELP)] = None,
    log: Annotated[Path | None, typer.Option("--log", help="Write every event into this file, as JSON lines.")] = None,
    backend: BackendOption = "ideal",
    shots: ShotsOption = 256,
    seed: SeedOption = 1,
    png: Annotated[
        Path | None, typer.Option("--png", help="Draw the network into this .png file.", callback=picture)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate the hospital network and its protocol (QUMA 5 and 6), or what a fault does to it.

    Exit status 1 if honest replicas disagree, a fault does not show, or without one a Qblock does not come about.

    Example: qcot quantum simulate --fault node-down:C --blocks 3 --log events.jsonl --png network.png
    """
    from qcot.quantum.backends import named_backend
    from qcot.quantum.network import Settings, choose_fault, load_topology
    from qcot.quantum.network import simulate as run
    from qcot.quantum.network.journal import write_log

    network = load_topology(topology, shape)
    device = named_backend(backend)
    settings = Settings(records, blocks, seed, shots, backend=device)
    chosen = choose_fault(fault, network) if fault is not None else None
    with working(as_json) as tell:
        tell(f"simulating {blocks} Qblocks of {len(network.members)} members")
        done = run(network, settings, chosen)
    if log is not None:
        write_log(done.log, log)
    if png is not None:
        _draw(done, png)
    show(
        explains=EXPLAINS,
        facts=_facts(done),
        record=_record(done),
        as_json=as_json,
        columns=LINK_COLUMNS,
        rows=_link_rows(network),
        circuit=_circuit(done),
        device=device,
    )
    if not as_json:
        _print_story(done)
    for path, says in ((png, "network drawn"), (log, "events written")):
        if path is not None:
            err.print(f"{says} into {path}", markup=False, soft_wrap=True)
    lacking = done.fault is None and len(done.longest) < blocks
    if not done.agrees or done.detected is False or lacking:
        raise typer.Exit(1)


def _facts(done: Simulation) -> dict[str, object]:
    made = sum(pair.made for pair in done.keys)
    traffic = done.traffic
    facts: dict[str, object] = {
        "network": f"{done.topology.name} ({done.topology.shape} shape), {len(done.topology.members)} members, "
        f"{done.quorum} must agree",
        "keys": f"{made} made of {sum(pair.photons for pair in done.keys):,} photons, {done.keys_left} left unused",
        "messages": f"{traffic.messages:,} of {traffic.bytes:,} bytes, {traffic.lost} lost",
        "qubits": f"{traffic.qubits_sent:,} sent in validations, {traffic.qubits_arrived:,} arrived",
        "validations": _counted(Counter(each.why or "accepted" for each in done.checkups)),
    }
    if done.topology.ignored:
        facts["not used of the file"] = _shortened(sorted({each.rsplit(".", 1)[-1] for each in done.topology.ignored}))
    if done.fault is not None:
        aim = f" ({'-'.join(done.fault.target)})" if done.fault.target else ""
        facts["fault"] = f"{done.fault.name}{aim}: {done.fault.does}"
        facts["should show"] = done.fault.seen
        facts["showed"] = {True: "yes", False: "NO", None: "nothing met it; publish more, or aim elsewhere"}[
            done.detected
        ]
    facts["Qblocks"] = f"{len(done.longest)} of {done.settings.blocks} came about"
    facts["replicas"] = "agree" if done.agrees else "NO AGREEMENT"
    facts["simulated"] = f"{done.simulated_ns / NS_PER_S:.3f} s"
    return facts | {
        "ran on": done.backend,
        "shots": f"{done.settings.shots} a setting of each local check",
        "seed": done.settings.seed,
        "seconds": f"{done.seconds:.3f}",
    }


def _link_rows(network: Topology) -> list[list[str]]:
    quantum = {frozenset((each.source, each.target)): each for each in network.links("quantum")}
    rows = []
    for link in network.links("classical"):
        light = quantum.pop(frozenset((link.source, link.target)), None)
        own = [f"{link.source}-{link.target}", f"{link.distance_m / 1000:g}", f"{link.delay_ns / 1000:g}"]
        rows.append(own + (_light(light) if light else ["-"] * 4))
    return rows + [[f"{each.source}-{each.target}", "-", "-", *_light(each)] for each in quantum.values()]


def _light(each: Any) -> list[str]:
    arriving = 10 ** (-each.loss_db / 10)
    return [f"{each.distance_m / 1000:g}", f"{each.loss_db:.2f}", f"{arriving:.1%}", f"{each.depolarizing:g}"]


def _print_story(done: Simulation) -> None:
    from qcot.quantum.network import stages

    print_table(
        "\nTimeline",
        list(STAGE_COLUMNS),
        [
            ["" if each.block is None else str(each.block), each.name, each.section, _seconds(each.first_ns),
             _seconds(each.last_ns), _counted(dict(each.counts))]
            for each in stages(done)
        ],
    )  # fmt: skip
    if done.detections:
        noticed = Counter((event.what, event.node) for event in done.detections)
        by_what: dict[str, list[str]] = {}
        for what, node in noticed:
            by_what.setdefault(what, []).append(node)
        print_table("\nNoticed", ["what", "by"], [[what, ", ".join(nodes)] for what, nodes in by_what.items()])
    print_table(
        "\nReplicas",
        list(OUTCOME_COLUMNS),
        [[each.name, each.state, str(each.blocks), each.head[:16]] for each in done.outcomes],
    )


def _record(done: Simulation) -> dict[str, Any]:
    fault = done.fault
    return {
        "topology": {
            **asdict(done.topology),
            "members": done.topology.members,
        },
        "records": done.settings.records,
        "blocks": done.settings.blocks,
        "fault": None if fault is None else {"name": fault.name, "target": fault.target, "detected": done.detected},
        "quorum": done.quorum,
        "agrees": done.agrees,
        "outcomes": [asdict(each) for each in done.outcomes],
        "qblocks": [asdict(each) for each in done.longest],
        "timeline": [
            {"t_ns": each.at_ns, "node": each.node, "event": each.what, **each.detail} for each in done.timeline
        ],
        "validations": [asdict(each) for each in done.checkups],
        "keys": [asdict(each) for each in done.keys],
        "keys_left": done.keys_left,
        "traffic": asdict(done.traffic),
        "simulated_ns": done.simulated_ns,
        "backend": done.backend,
        "shots": done.settings.shots,
        "seed": done.settings.seed,
        "seconds": done.seconds,
    }


def _circuit(done: Simulation) -> QuantumCircuit | None:
    """The newest setting of the newest Qblock's local check."""
    from qcot.quantum.qblock import PATCH_BLOCKS, local_patch_circuit

    patch = [block.phases for block in done.longest[-PATCH_BLOCKS:]]
    return local_patch_circuit(patch, patch, "newest") if patch else None


def _draw(done: Simulation, path: Path) -> None:
    from qcot.quantum.network.draw import draw_network

    try:
        draw_network(done.topology, path, done)
    except OSError as error:
        raise QcotError(PICTURE_UNWRITABLE, f"{path}: {error.strerror}") from error


def _seconds(at_ns: int) -> str:
    return f"{at_ns / NS_PER_S:.6f}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items())


def _shortened(names: list[str]) -> str:
    return ", ".join(names)


COMMANDS = {"simulate": simulate}
