"""`qcot ledger ...`: look at the log and recompute it; its proofs are in ledger_proofs.py and beside it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qcot.cli import ledger_anchor, ledger_proofs, ledger_witness
from qcot.cli.common import HomeOption, JsonOption, err, open_home, out, print_json, print_table
from qcot.crypto import cose, lms
from qcot.errors import Problem, QcotError
from qcot.ledger import qblock, transactions
from qcot.ledger.reader import Reader
from qcot.ledger.transactions import CheckpointEntry, EnrolmentEntry, FrameEntry, Transaction
from qcot.ledger.trust import Trust
from qcot.ledger.verify import Failure, Result, verify
from qcot.link import frames, messages

NO_SUCH_QBLOCK = Problem("no-such-qblock", "`qcot ledger list` shows the heights that there are.")

app = typer.Typer(
    no_args_is_help=True,
    help="Look at the ledger, recompute it, prove one reading, have it witnessed and anchored.\n\n"
    "Example: `qcot ledger list --boards; qcot ledger verify`",
)
app.command()(ledger_proofs.prove)
app.command()(ledger_proofs.checkpoint)
app.command()(ledger_proofs.consistency)
app.command()(ledger_proofs.policy)
app.add_typer(ledger_witness.app, name="witness")
app.add_typer(ledger_anchor.app, name="anchor")


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(sep=" ", timespec="milliseconds")


def _qblock(header: qblock.Header) -> dict[str, Any]:
    core, check = header.core, header.quantum.check
    return {
        "height": core.height,
        "time": _time(core.time),
        "first_leaf": core.first_leaf,
        "transactions": core.transactions,
        "leaf": core.tree_size,
        "bookkeeper": core.bookkeeper,
        "hash": header.hash.hex(),
        "previous": core.previous.hex(),
        "qhash": header.quantum.qhash.hex(),
        "theta": header.quantum.phases.theta,
        "phi": header.quantum.phases.phi,
        "backend": check.backend,
        "shots": check.shots,
        "seed": check.seed,
        "zeros": [check.zeros_newest, check.zeros_middle],
        "qasm3": check.qasm3,
        "validated": None if (record := header.quantum.validated) is None else asdict(record),
    }


@app.command("list")
def list_(
    home: HomeOption = None,
    last: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 20,
    boards: Annotated[bool, typer.Option("--boards", help="The boards and where their chains stand.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the newest Qblocks, or the boards.

    Example: `qcot ledger list --last 5`
    """
    with Reader.open(open_home(home).ledger) as ledger, ledger.snapshot():
        if boards:
            devices = [
                {"device": device.hex(), "epoch": at.epoch, "readings": at.next_seq, "link": at.link.hex()}
                for device, at in sorted(ledger.devices().items())
            ]
            if as_json:
                print_json(devices)
                return
            rows = [[str(d["device"]), str(d["epoch"]), str(d["readings"])] for d in devices]
            print_table("", ["board", "epoch", "readings in it"], rows)
            if latest := next((d for d in devices if d["readings"]), None):
                example = f"qcot ledger prove {latest['device']} {latest['epoch']} 0"
                out.print(f"prove one, from 0 on: {example}", markup=False, soft_wrap=True)
            return
        height = ledger.height()
        headers = [ledger.header(each) for each in range(max(0, height - last), height)]
        blocks = [_qblock(header) for header in headers if header]
    if as_json:
        print_json(blocks)
        return
    rows = [
        [
            str(b["height"]), b["time"][:19], str(b["transactions"]), f"{b['zeros'][0]}/{b['shots']} zeros",
            b["validated"]["verifier"] if b["validated"] else "", b["hash"][:16],
        ]
        for b in blocks
    ]  # fmt: skip
    print_table("", ["Qblock", "time (UTC)", "transactions", "quantum check", "validated by", "hash"], rows)


@app.command()
def show(
    height: Annotated[int, typer.Argument(min=0, help="Height of a Qblock.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one Qblock, its transactions and their readings.

    Example: `qcot ledger show 3`
    """
    with Reader.open(open_home(home).ledger) as ledger, ledger.snapshot():
        header = ledger.header(height)
        if header is None:
            raise QcotError(NO_SUCH_QBLOCK, f"no Qblock {height}; there are {ledger.height()}")
        core = header.core
        found = [_transaction(leaf, raw) for leaf, raw in ledger.leaves(core.first_leaf, core.tree_size)]
    block = _qblock(header)
    if as_json:
        print_json(block | {"run": found})
        return
    for key, value in block.items():
        if key not in ("qasm3", "validated"):
            out.print(f"{key:>14}  {value}", markup=False)
    if block["validated"]:
        record = {key: value.hex() if isinstance(value, bytes) else value for key, value in block["validated"].items()}
        out.print("     validated  " + ", ".join(f"{key} {value}" for key, value in record.items()), markup=False)
    out.print("\n" + block["qasm3"], markup=False)
    for each in found:
        out.print(f"leaf {each['leaf']}: transaction {each['sequence']} of {each['bridge']}, {each['time']}")
        for entry in each["entries"]:
            out.print(f"  {_line(entry)}", markup=False)


def _line(entry: dict[str, Any]) -> str:
    """An entry in a line, with the epoch and seqs that `prove` takes; readings as channel:value."""
    what = f"{entry['kind']} {entry.get('device') or entry['statement']}"
    what += f" epoch {entry['epoch']}" if "epoch" in entry else ""
    readings = entry.get("readings")
    if not readings:
        return what
    values = " ".join(f"{channel}:{value}" for _, _, channel, value in readings)
    return f"{what} seq {readings[0][0]} to {readings[-1][0]}: {values}"


def _transaction(leaf: int, raw: bytes) -> dict[str, Any]:
    transaction: Transaction = transactions.parse(raw)
    return {
        "leaf": leaf,
        "hash": transaction.hash.hex(),
        "bridge": transaction.bridge,
        "sequence": transaction.sequence,
        "time": _time(transaction.time),
        "entries": [_entry(entry) for entry in transaction.entries],
    }


def _entry(entry: transactions.Entry) -> dict[str, Any]:
    if isinstance(entry, EnrolmentEntry):
        return {"kind": "enrolment", "device": entry.device.hex(), "model": entry.model, "image": entry.image.hex()}
    if isinstance(entry, CheckpointEntry):
        signed = {"device": entry.device.hex(), "epoch": entry.epoch, "seq": entry.seq, "link": entry.link.hex()}
        return {"kind": "checkpoint"} | signed | {"lms_leaf": lms.leaf_of(entry.signature)}
    if not isinstance(entry, FrameEntry):
        digest = sha256(entry.statement).hexdigest()
        kind = cose.content_type(entry.statement).removeprefix("application/vnd.qcot.").removesuffix("+cbor")
        return {"kind": kind, "statement": digest}
    common = {"device": entry.device.hex(), "epoch": entry.epoch, "received": _time(entry.received)}
    frame = frames.parse(entry.frame)
    if frame is None or frame.type != messages.Readings.TYPE:
        return {"kind": "opened"} | common
    readings = messages.Readings.decode(frame.body).readings()
    common["clock"] = None if entry.clock is None else asdict(entry.clock)
    return {"kind": "readings"} | common | {"readings": [[r.seq, r.time, r.channel, r.value] for r in readings]}


def _failure(failure: Failure) -> dict[str, Any]:
    problem = failure.problem
    what = {"leaf": failure.leaf, "what": failure.what, "name": problem.name}
    return what | {"reason": failure.reason, "remedy": problem.remedy}


def verify_with_progress(ledger: Reader, trust: Trust, *, shots: int = 0, quiet: bool = False) -> Result:
    """Recompute ``ledger`` behind a progress bar on standard error."""
    columns = TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TextColumn("leaves"), TimeRemainingColumn()
    with Progress(*columns, console=err, transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=None)
        return verify(
            ledger, trust, shots=shots, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )


@app.command("verify")
def verify_(
    home: HomeOption = None,
    shots: Annotated[int, typer.Option(min=0, help="Also simulate each Qblock's check with this many shots.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Recompute everything from the stored bytes and name the first thing that is wrong.

    Leaves, tree, every signature, every board's chain and what it signed itself, every walk hash and phase, every
    Qblock's quantum check.

    Example: `qcot ledger verify --shots 256`
    """
    place = open_home(home)
    with Reader.open(place.ledger) as ledger:
        result = verify_with_progress(ledger, place.trust(), shots=shots, quiet=as_json)
    counts = result.counts
    if as_json:
        body = {
            "holds": result.holds,
            "leaves": counts.leaves,
            "transactions": counts.transactions,
            "readings": counts.readings,
            "qblocks": counts.qblocks,
            "checkpoints": counts.checkpoints,
            "boards": counts.devices,
            "signed_leaves": result.signed,
            "root": result.root.hex(),
            "signed_by_boards": [asdict(each) | {"device": each.device.hex()} for each in result.boards],
            "failure": _failure(result.failure) if result.failure else None,
        }
        print_json(body)
    else:
        out.print(
            f"{counts.readings:,} readings in {counts.transactions:,} transactions, {counts.qblocks:,} Qblocks, "
            f"{counts.checkpoints:,} checkpoints"
        )
        for each in result.boards:
            upto = f"the last over all before reading {each.seq} of epoch {each.epoch}"
            out.print(f"board {each.device.hex()} signed {each.checkpoints:,} checkpoints itself, {upto}")
        if result.failure:
            out.print("[bold red]does not hold[/]")
            out.print(f"first thing wrong: {result.failure}", markup=False)
            out.print(f"what to do: {result.failure.problem.remedy}", markup=False)
        else:
            waiting = counts.leaves - result.signed
            out.print("[bold green]holds[/]" + (f"; {waiting} leaves wait for their Qblock" if waiting else ""))
    if not result.holds:
        raise typer.Exit(1)


COMMANDS = {"ledger": app, "verify": ledger_proofs.verify_evidence}
