"""`qcot ledger anchor ...`: the authority's hash-based signature over the log, here or by files."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qcot.cli.common import HomeOption, JsonOption, open_home, out, print_json, read_file, read_text, write_file
from qcot.ledger import anchor as anchors
from qcot.ledger import attachments, checkpoint, proving
from qcot.ledger.reader import Reader

if TYPE_CHECKING:
    from qcot.ledger.anchor import Anchor

app = typer.Typer(
    invoke_without_command=True,
    help="Anchor the log: sign the newest checkpoint's tree with the authority's root key.\n\n"
    "Example: `qcot ledger anchor`. Where the authority is elsewhere: `qcot ledger anchor ask > ask.txt`, there "
    "`qcot ledger anchor sign ask.txt --out anchor.cbor`, and back here `qcot ledger anchor take anchor.cbor`.",
)


@app.callback()
def here(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Anchor the log in the home of its authority; the subcommands do it by files."""
    if context.invoked_subcommand is not None:
        return
    from qcot.authority.anchoring import anchor
    from qcot.authority.registration import authority_of

    place = open_home(home)
    with authority_of(place) as store, Reader.open(place.ledger) as ledger:
        with ledger.snapshot():
            last = store.last_anchor(ledger.origin)
            wanted = proving.consistency(ledger, last.size if last else 0)
        raw = anchor(store, wanted, time.time_ns() // 1_000_000)
        _told(attachments.store_anchor(place.ledger, raw, ledger.authority), as_json)


@app.command()
def ask(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print a request to anchor the newest checkpoint, with the proof from what was anchored last.

    Example: `qcot ledger anchor ask > ask.txt`
    """
    with Reader.open(open_home(home).ledger) as ledger, ledger.snapshot():
        last = ledger.anchor()
        made = proving.consistency(ledger, anchors.parse(last).size if last else 0)
    if as_json:
        print_json({"old": made.old, "size": made.checkpoint.size, "text": str(made)})
    else:
        sys.stdout.write(str(made))


@app.command()
def sign(
    asked: Annotated[Path, typer.Argument(help="The log's request, as `ask` printed it.")],
    to: Annotated[Path, typer.Option("--out", help="The file to write the anchor to.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """At the authority: check that the log grew out of what was anchored last, and sign it with the root key.

    Example: `qcot ledger anchor sign ask.txt --out anchor.cbor`
    """
    from qcot.authority.anchoring import anchor
    from qcot.authority.registration import authority_of

    wanted = checkpoint.parse_consistency(read_text(asked))
    with authority_of(open_home(home)) as store:
        raw = anchor(store, wanted, time.time_ns() // 1_000_000)
    write_file(to, raw)
    _told(anchors.parse(raw), as_json)


@app.command()
def take(
    file: Annotated[Path, typer.Argument(help="The anchor that the authority made.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store the authority's anchor with the log; evidence made from now on carries it.

    Example: `qcot ledger anchor take anchor.cbor`
    """
    place = open_home(home)
    with Reader.open(place.ledger) as ledger:
        root = ledger.authority
    _told(attachments.store_anchor(place.ledger, read_file(file), root), as_json)


def _told(made: Anchor, as_json: bool) -> None:
    if as_json:
        print_json({"origin": made.origin, "size": made.size, "root": made.root, "time_ms": made.time})
    else:
        out.print(f"anchored the first {made.size} leaves of {made.origin}", markup=False)
