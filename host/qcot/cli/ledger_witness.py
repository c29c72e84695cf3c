"""`qcot ledger witness ...`: have other sites cosign the log's checkpoints, and cosign those of others.

Requests and answers are those of C2SP tlog-witness, carried as files.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qcot.certificates import request
from qcot.certificates.claims import Role
from qcot.cli.common import HomeOption, JsonOption, open_home, out, print_json, read_text, write_file
from qcot.cli.ledger_proofs import trust_of
from qcot.crypto import keyfile
from qcot.crypto.problems import KEY_FILE_MISSING
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.errors import Problem, QcotError
from qcot.ledger import attachments, checkpoint, proving
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.reader import Reader
from qcot.ledger.witness import Witness

if TYPE_CHECKING:
    from qcot.home import Home

NO_WITNESS = Problem(
    "witness-missing", "Make one with `qcot ledger witness init NAME --site SITE`, or name its home with --home."
)

app = typer.Typer(
    no_args_is_help=True,
    help="Have checkpoints cosigned by witnesses, and be one.\n\n"
    "At the log: `qcot ledger witness ask tower > ask.txt`; there: `qcot ledger witness sign ask.txt > line.txt`; "
    "and back at the log: `qcot ledger witness take line.txt`. Which witnesses a log has, and how many it needs: "
    "witnesses and quorum under [gateway] in qcot.toml, then `qcot certificate request gateway`.",
)


def _witness(home: Home) -> Witness:
    folder = home.path / "witness"
    try:
        seed = keyfile.load(folder / "witness.seed", credential="qcot.witness.seed")
    except QcotError as error:
        if error.problem is not KEY_FILE_MISSING:
            raise
        raise QcotError(NO_WITNESS, f"{home.path} has no witness") from error
    return Witness(folder / "state.sqlite", SigningKey(ML_DSA_44, seed))


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="The witness's name, as certificates and signature lines have it.")],
    site: Annotated[str, typer.Option(help="The site whose authority is to certify it.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a witness here: its key, its empty memory, and the request for its certificate.

    Never restore the memory from a backup: a witness that forgets may sign two histories.

    Example: `qcot ledger witness init tower --site home`
    """
    folder = open_home(home).path / "witness"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    seed = folder / "witness.seed"
    key = SigningKey(ML_DSA_44, keyfile.load(seed) if seed.exists() else keyfile.create(seed))
    made = Witness.create(folder / "state.sqlite", name, key)
    asked = folder / f"{name}.request"
    raw = request.for_key(key, role=Role.WITNESS, site=site, name=name, time=int(time.time()), policy=None, log=None)
    write_file(asked, raw)
    if as_json:
        print_json({"vkey": str(made.vkey), "request": str(asked)})
        return
    out.print(f"witness  {name}, key {key.public_key.kid.hex()}", markup=False)
    out.print(f"request  {asked}: take it to the authority, `qcot authority issue`", markup=False, soft_wrap=True)
    out.print("next     qcot ledger witness add LOG.vkey", markup=False)


@app.command()
def add(
    vkey: Annotated[Path, typer.Argument(help="The log's verifier key: what `qcot ledger checkpoint --vkey` prints.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cosign this log from now on. Its key must come from where you trust, since whoever holds it writes the log.

    Example: `qcot ledger witness add log.vkey`
    """
    key = VerifierKey.parse(read_text(vkey).strip())
    _witness(open_home(home)).add_log(key)
    if as_json:
        print_json({"log": key.name, "key": key.key.kid})
    else:
        out.print(f"cosigns {key.name} from now on", markup=False)


@app.command()
def show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the witness here, and of each log the tree that it cosigned last.

    Example: `qcot ledger witness show`
    """
    witness = _witness(open_home(home))
    logs = witness.logs()
    if as_json:
        heads = {origin: {"size": head.size, "root": head.root} for origin, head in logs.items()}
        print_json({"vkey": str(witness.vkey), "logs": heads})
        return
    out.print(str(witness.vkey), markup=False, soft_wrap=True)
    for origin, head in logs.items():
        out.print(f"{origin}: {head.size} leaves {head.root.hex()}", markup=False, soft_wrap=True)


@app.command()
def sign(
    asked: Annotated[Path, typer.Argument(help="The log's request, as `ask` printed it.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that the log grew out of what was cosigned last, remember it, and print the cosignature.

    Example: `qcot ledger witness sign ask.txt > line.txt`
    """
    wanted = checkpoint.parse_consistency(read_text(asked))
    line = _witness(open_home(home)).cosign(wanted, int(time.time()))
    if as_json:
        print_json({"log": wanted.checkpoint.origin, "size": wanted.checkpoint.size, "line": str(line)})
    else:
        sys.stdout.write(str(line))


@app.command()
def ask(
    name: Annotated[str, typer.Argument(help="The witness's name.")],
    old: Annotated[
        int | None, typer.Option("--from", min=0, help="The size that it cosigned last, if this log does not know it.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a request to cosign the newest checkpoint, with the proof from what the witness cosigned last.

    Example: `qcot ledger witness ask tower > ask.txt`
    """
    with Reader.open(open_home(home).ledger) as ledger, ledger.snapshot():
        made = proving.consistency(ledger, ledger.cosigned_by(name) if old is None else old)
    if as_json:
        print_json({"old": made.old, "size": made.checkpoint.size, "text": str(made)})
    else:
        sys.stdout.write(str(made))


@app.command()
def take(
    lines: Annotated[Path, typer.Argument(help="What the witness answered.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a witness's cosignature beside its checkpoint; evidence made from now on carries it.

    Example: `qcot ledger witness take line.txt`
    """
    place = open_home(home)
    text = read_text(lines)
    with Reader.open(place.ledger) as ledger:
        register = proving.known_certificates(ledger, trust_of(place))
    held = {each.name: VerifierKey(each.name, each.key) for each in register.of_role(Role.WITNESS) if each.key}
    stored = attachments.store_cosignatures(place.ledger, text, held)
    if as_json:
        print_json(stored)
        return
    for name, size in stored.items():
        out.print(f"{name} cosigned the log's first {size} leaves", markup=False)
