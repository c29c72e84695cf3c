"""`qcot ledger prove|checkpoint|consistency|policy` and `qcot verify`: what leaves a ledger, and its check anywhere."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qcot.cli.common import UNWRITABLE, HomeOption, JsonOption, open_home, out, print_json, read_file
from qcot.errors import Problem, QcotError
from qcot.ledger import checkpoint as checkpoints
from qcot.ledger import evidence, policies, proving, transactions
from qcot.ledger import report as reports
from qcot.ledger.case import Given
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.problems import NOT_CLOSED_YET
from qcot.ledger.reader import Reader

if TYPE_CHECKING:
    from qcot.crypto.signing import PublicKey
    from qcot.home import Home
    from qcot.ledger.trust import Trust

BAD_DEVICE_ID = Problem("bad-device-id", "Give 16 hex digits, as `qcot ledger list --boards` shows them.")
FILE_EXISTS = Problem("file-exists", "Name another file with --out, or remove the one that is there.")
WHICH_READING = Problem(
    "which-reading", "Give board, epoch and seq, as `qcot ledger list --boards` has them, or --leaf alone."
)
WRONG_ORDER = Problem("wrong-order", "Name the earlier Qblock first.")
BAD_ROOT = Problem("bad-root", "Give the authority's file (trusted/authority.pub), or its key id of 32 hex digits.")


def trust_of(home: Home) -> Trust:
    """What this home believes: the root, its gateway's certificates, and those of the witnesses that it knows."""
    trust = home.trust()
    files = sorted((home.certificates / "witnesses").glob("*.cert"))
    return replace(trust, certificates=(*trust.certificates, *(file.read_bytes() for file in files)))


def log_key(ledger: Reader, trust: Trust) -> VerifierKey:
    """The key that signed the newest checkpoint, certified; raises `not-closed-yet` or `certificate-unknown`."""
    signed = ledger.signed()
    if signed is None:
        raise QcotError(NOT_CLOSED_YET, "the log has no checkpoint yet")
    return proving.log_key(proving.known_certificates(ledger, trust), signed)


def prove(
    device: Annotated[str | None, typer.Argument(help="Board id, 16 hex digits.", show_default=False)] = None,
    epoch: Annotated[int | None, typer.Argument(min=0, help="Which boot of the board.", show_default=False)] = None,
    seq: Annotated[int | None, typer.Argument(min=0, help="Which reading of that boot.", show_default=False)] = None,
    leaf: Annotated[int | None, typer.Option(min=0, help="A transaction as a whole, by its leaf.")] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="With what the board signed itself of it, whatever that adds to the file.")
    ] = False,
    own: Annotated[
        bool, typer.Option("--checkpoint", help="What the board signed itself at this reading or next after it.")
    ] = False,
    home: HomeOption = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="The file to write.", show_default="DEVICE-EPOCH-SEQ.qcot")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write one reading's evidence to a file that `qcot verify` checks anywhere.

    Example: `qcot ledger prove 3fb0c1d2e4f50617 1 42 --out reading.qcot`
    """
    place = open_home(home)
    with Reader.open(place.ledger) as ledger:
        trust = trust_of(place)
        if leaf is not None and device is None:
            made, path = proving.for_transaction(ledger, trust, leaf), Path(f"leaf-{leaf}.qcot")
        elif leaf is None and device is not None and epoch is not None and seq is not None:
            if own:
                made = proving.for_checkpoint(ledger, trust, device_id(device), epoch, seq)
            else:
                made = proving.for_reading(ledger, trust, device_id(device), epoch, seq, signed=signed)
            path = Path(f"{device}-{epoch}-{seq}{'-checkpoint' if own else ''}.qcot")
        else:
            raise QcotError(WHICH_READING, "neither a reading nor a leaf alone was named")
    path, data = out_file or path, made.encode()
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise QcotError(FILE_EXISTS, f"{path} is there already") from error
    except OSError as error:
        raise QcotError(UNWRITABLE, f"{path}: {error.strerror}") from error
    if as_json:
        print_json({"file": str(path), "bytes": len(data), "root": made.root.kid})
        return
    out.print(f"{path}  {len(data):,} bytes", markup=False, soft_wrap=True)
    out.print(f"next  qcot verify {path} --root {made.root.kid.hex()}", markup=False, soft_wrap=True)


def checkpoint(
    vkey: Annotated[bool, typer.Option("--vkey", help="The log's verifier key, for its witnesses.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the newest checkpoint with all its cosignatures (C2SP tlog-checkpoint).

    Example: `qcot ledger checkpoint --vkey`
    """
    place = open_home(home)
    with Reader.open(place.ledger) as ledger, ledger.snapshot():
        key = log_key(ledger, trust_of(place))
        text = ledger.checkpoint() or ""
    signed = checkpoints.parse(text)
    if as_json:
        names = [line.name for line in signed.signatures]
        print_json({"origin": signed.origin, "size": signed.size, "root": signed.root, "signed_by": names, "text": text,
                    "vkey": str(key)})  # fmt: skip
    else:
        sys.stdout.write(f"{key}\n" if vkey else text)


def consistency(
    old: Annotated[int, typer.Argument(min=0, help="Height of the earlier Qblock.")],
    new: Annotated[int, typer.Argument(min=0, help="Height of the later one.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that the log as of one Qblock begins with the log as of an earlier one.

    Prints the earlier size, the RFC 9162 path, and the later checkpoint (a request of C2SP tlog-witness).

    Example: `qcot ledger consistency 3 9`
    """
    if old > new:
        raise QcotError(WRONG_ORDER, f"Qblock {old} is later than {new}")
    with Reader.open(open_home(home).ledger) as ledger, ledger.snapshot():
        proof = proving.consistency_between(ledger, old, new)
    if as_json:
        print_json({"old": proof.old, "new": proof.checkpoint.size, "path": list(proof.path), "text": str(proof)})
    else:
        sys.stdout.write(str(proof))


def policy(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print log, witnesses and quorum as a C2SP tlog-policy, for other tools that check proofs of this log.

    Example: `qcot ledger policy`
    """
    place = open_home(home)
    with Reader.open(place.ledger) as ledger, ledger.snapshot():
        trust = trust_of(place)
        register, key = proving.known_certificates(ledger, trust), log_key(ledger, trust)
    found = policies.of_log(register, key)
    if as_json:
        witnesses = {each.name: str(each) for each in found.witnesses}
        print_json({"log": str(found.log), "witnesses": witnesses, "quorum": found.quorum})
    else:
        sys.stdout.write(str(found))


def device_id(text: str) -> bytes:
    """Read a board's id from the command line; raises ``bad-device-id``."""
    try:
        device = bytes.fromhex(text)
    except ValueError as error:
        raise QcotError(BAD_DEVICE_ID, f"{text!r} is not hex") from error
    if len(device) != transactions.DEVICE_SIZE:
        raise QcotError(BAD_DEVICE_ID, f"{text!r} has {len(device)} bytes, a board's id has 8")
    return device


def _root(text: str) -> PublicKey | bytes:
    """The key in the authority's file, or a key id."""
    if re.fullmatch("[0-9a-fA-F]{32}", text.replace(" ", "")):  # read aloud it is in groups of four
        return bytes.fromhex(text)
    if not Path(text).is_file():
        raise QcotError(BAD_ROOT, f"{text!r} is neither a file nor a key id")
    from qcot.home import read_authority

    return read_authority(Path(text)).root


def verify_evidence(
    file: Annotated[Path, typer.Argument(help="An evidence file (.qcot).")],
    root: Annotated[
        str | None,
        typer.Option(help="The right authority: its file (trusted/authority.pub) or key id.", show_default=False),
    ] = None,
    revocation: Annotated[
        list[Path] | None, typer.Option(help="A revocation to take into account; may be repeated.", show_default=False)
    ] = None,
    witnesses: Annotated[
        int, typer.Option(min=0, max=15, help="How many witnesses must have cosigned, whatever the log asks for.")
    ] = 0,
    signed: Annotated[bool, typer.Option("--signed", help="Insist on a signature of the board itself.")] = False,
    anchored: Annotated[
        bool, typer.Option("--anchored", help="Insist on an anchor by the root key that covers the reading.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check one reading's evidence, offline; needs neither network nor home.

    Example: `qcot verify reading.qcot --root authority.pub`
    """
    brought = tuple(read_file(each) for each in revocation or ())
    given = Given(_root(root) if root else None, brought, witnesses, anchored, signed)
    report = reports.check(read_file(file, evidence.MAX_BYTES), given)
    if as_json:
        steps = [
            {"name": s.name, "holds": s.holds, "says": s.says, "problem": s.problem.name if s.problem else None}
            for s in report.steps
        ]
        print_json({"holds": report.holds, "steps": steps, "facts": report.facts})
    else:
        for step in report.steps:
            out.print("[green]holds[/]" if step.holds else "[bold red]FAILS[/]", end="  ")
            out.print(f"{step.name}: {step.says}", markup=False, soft_wrap=True)
            if step.problem:
                out.print(f"       {step.problem.name}. {step.problem.remedy}", markup=False, soft_wrap=True)
        if report.holds and root is None:
            out.print(
                "All of it rests on a root key that this file itself names. Whether that is the right authority's is "
                "yours to settle: compare its id with one that you have from there, and name it with --root."
            )
    if not report.holds:
        raise typer.Exit(1)
