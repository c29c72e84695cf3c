"""`qcot record ...`: records that are sealed here, and whose every change and opening is on the ledger."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from qcot.cli import record_words as words
from qcot.cli.common import HomeOption, JsonOption, err, open_home, out, print_json, print_table
from qcot.custody.custodian import Custodian
from qcot.custody.handover import MAX_ASKED, MAX_HANDED, Asked, Handed
from qcot.custody.identities import SUFFIX
from qcot.custody.of_home import custodian_of, holder_of
from qcot.errors import Problem, QcotError
from qcot.home import Home
from qcot.records import batch
from qcot.records.statements import MEDIA_TYPE, Consent

BAD_MEDIA_TYPE = Problem("bad-media-type", "Write it as type/subtype, as in text/csv.")
NAMES_REPEAT = Problem("names-repeat", "Rename one of the files: the items of a record have different names.")
NOT_CONFIRMED = Problem("not-confirmed", "Add --yes if that is what you want: nothing brings the record back.")

DEFAULT_PURPOSE = "treatment"

app = typer.Typer(
    no_args_is_help=True,
    help="Seal, share, open and erase records; the ledger shows that it was done, and nothing of what is in them.\n\n"
    "Example: `qcot record identity ada; qcot record publish note.txt --as ada`",
)

AsOption = Annotated[str, typer.Option("--as", help="Which identity of this home.", metavar="NAME", show_default=False)]
IdArgument = Annotated[str, typer.Argument(help="The record's id, or its first characters.", metavar="ID")]
PurposeOption = Annotated[str, typer.Option(help="What for; it is readable on the ledger.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="What to write.", show_default=False)]
WaitOption = Annotated[float, typer.Option("--wait", min=0, max=3600, help="Seconds to wait for the ledger.")]


@contextmanager
def _custodian(home: Home, wait_s: float = 0.0) -> Iterator[Custodian]:
    """The custodian of ``home``; what is waited for is shown on standard error."""
    with (
        err.status("looking at the ledger") as status,
        custodian_of(home, wait_s, lambda line: status.update(escape(line))) as custodian,
    ):
        yield custodian


@app.command()
def identity(
    name: Annotated[str, typer.Argument(help="What to call it; the name stays in this home.")],
    fresh: Annotated[bool, typer.Option("--fresh", help="Hand out a new pseudonym; the older ones stay good.")] = False,
    rotate: Annotated[
        str | None, typer.Option(help="Put on the ledger that a new pseudonym follows this one.", metavar="PSEUDONYM")
    ] = None,
    wait: WaitOption = 30.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an identity, and the .qcot-id file that others share records with.

    The file holds a pseudonym's public keys and no name. Hand out a --fresh one to whom should not find out that you
    are the same. A rotation shows on the ledger that the new pseudonym is the old one.

    Example: `qcot record identity ada`
    """
    place = open_home(home)
    with holder_of(place) if rotate is None else _custodian(place, wait) as holder:
        identities = holder.identities
        made = not identities.has(name)
        if made and rotate is None:
            identities.create(name)
        public = identities.handed_out(name)
        if isinstance(holder, Custodian) and rotate is not None:
            known = (kid for _, kid in holder.store.pseudonyms(name))
            public = holder.rotate(name, words.recipient_kid(rotate, holder, known)).public
        elif public is None or fresh:
            public = holder.fresh(name).public
        file = identities.hand_out(name, public)
    if as_json:
        print_json({"identity": name, "made": made, "pseudonym": public.kid, "file": str(file)})
        return
    out.print(f"identity {name}" + (" made" if made else ""), markup=False)
    out.print(f"pseudonym {public.kid.hex()}", markup=False)
    out.print(f"hand out {file}", markup=False, soft_wrap=True)
    out.print(f"next  qcot record publish FILE --as {name}", markup=False, soft_wrap=True)


@app.command()
def publish(
    files: Annotated[list[Path], typer.Argument(help="What the record is made of: each file an item.", metavar="FILE")],
    name: AsOption,
    media_type: Annotated[
        str | None, typer.Option(help="It is readable on the ledger.", show_default="by the first file's name")
    ] = None,
    wait: WaitOption = 30.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal files into a record, and put its salted Merkle root on the ledger.

    Neither content nor file names nor your name go there. The record gets a pseudonym of its own.

    Example: `qcot record publish ecg.csv note.txt --as ada`
    """
    kind = media_type or mimetypes.guess_type(files[0].name)[0] or "application/octet-stream"
    if not MEDIA_TYPE.fullmatch(kind):
        raise QcotError(BAD_MEDIA_TYPE, f"{kind!r}")
    if len({file.name for file in files}) != len(files):
        raise QcotError(NAMES_REPEAT, "two files have the same name")
    contents = [(file.name, words.read(file, batch.MAX_CONTENT)) for file in files]
    with _custodian(open_home(home), wait) as custodian:
        record = custodian.publish(name, contents, kind)
    if as_json:
        print_json({"record": record, "items": len(contents), "media_type": kind})
        return
    out.print(f"record {record.hex()}  {len(contents)} items, {kind}; on the ledger", markup=False)
    out.print(f"next  qcot record share {record.hex()[:8]} --to FILE{SUFFIX}", markup=False, soft_wrap=True)


@app.command("list")
def list_(
    log: Annotated[
        str | None, typer.Option(help="Show everything that the ledger says of this record.", metavar="ID")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the records that are kept here, or who did what with one of them.

    Example: `qcot record list`, `qcot record list --log 3fb0c1d2`
    """
    with _custodian(open_home(home)) as custodian:
        book = words.book_of(custodian)
        custodian.sweep(book)
        if log is not None:
            rows = [words.event_row(custodian, each) for each in book.log(words.record_id(log, custodian, book))]
        else:
            rows = [words.kept_row(book, *each) for each in custodian.store.everything()]
    if as_json:
        print_json(rows)
    elif log is not None:
        print_table("", words.EVENT_COLUMNS, [words.event_cells(row) for row in rows])
    elif not rows:
        out.print("no record is kept here; `qcot record publish FILE --as NAME` seals one", markup=False)
    else:
        print_table("", words.KEPT_COLUMNS, [words.kept_cells(row) for row in rows])


@app.command()
def share(
    record: IdArgument,
    to: Annotated[str, typer.Option("--to", help="A .qcot-id file, or an identity of this home.", metavar="FILE")],
    purpose: PurposeOption = DEFAULT_PURPOSE,
    duration: Annotated[
        str | None, typer.Option("--for", help="For how long, as in 30d.", show_default="until it is revoked")
    ] = None,
    wait: WaitOption = 30.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put consent on the ledger: one pseudonym may open the record for one purpose.

    Example: `qcot record share 3fb0c1d2 --to doctor.qcot-id --for 30d`
    """
    words.require_purpose(purpose)
    until = None if duration is None else time.time_ns() // 1_000_000 + words.milliseconds(duration)
    with _custodian(open_home(home), wait) as custodian:
        found = words.record_id(record, custodian)
        recipient = words.recipient_of(to, custodian)
        custodian.share(found, recipient, purpose, until)
        is_here = custodian.store.holder(recipient.kid) is not None
    if as_json:
        print_json({"record": found, "recipient": recipient.kid, "purpose": purpose, "until": until})
        return
    ends = "until it is revoked" if until is None else f"until {words.date(until)}"
    out.print(f"{recipient.kid.hex()} may open {found.hex()} for {purpose}, {ends}", markup=False, soft_wrap=True)
    if is_here:
        out.print(f"next  qcot record open {found.hex()[:8]} --as NAME -o FILE", markup=False, soft_wrap=True)
    else:
        out.print(f"next, in the recipient's home  qcot record ask {found.hex()} --as NAME -o FILE.qcot-access",
                  markup=False, soft_wrap=True)  # fmt: skip


@app.command()
def revoke(
    record: IdArgument,
    recipient: Annotated[
        str, typer.Option("--from", help="A .qcot-id file, an identity of this home, or a pseudonym.", metavar="FILE")
    ],
    wait: WaitOption = 30.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw consent on the ledger. What was opened before is out of reach.

    Example: `qcot record revoke 3fb0c1d2 --from doctor.qcot-id`
    """
    with _custodian(open_home(home), wait) as custodian:
        found = words.record_id(record, custodian)
        custodian.store.get(found)
        log = custodian.ledger.view().book.log(found)
        known = (event.body.key.kid for event in log if isinstance(event.body, Consent))
        kid = words.recipient_kid(recipient, custodian, known)
        custodian.revoke(found, kid)
    if as_json:
        print_json({"record": found, "recipient": kid})
        return
    out.print(f"{kid.hex()} may open {found.hex()} no longer; what it opened before it may have kept",
              markup=False, soft_wrap=True)  # fmt: skip


@app.command("open")
def open_(
    record: Annotated[
        str, typer.Argument(help="The record's id, its first characters, or a .qcot-handed file.", metavar="ID")
    ],
    name: AsOption,
    out_path: OutOption,
    purpose: PurposeOption = DEFAULT_PURPOSE,
    item: Annotated[int | None, typer.Option(min=0, help="Only this item, from 0.")] = None,
    proof: Annotated[
        bool, typer.Option("--proof", help="Also write each item with its proof (.qcot-item), to be handed on.")
    ] = False,
    wait: WaitOption = 30.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a record: the ledger is told first, then asked whether it may be.

    Writes a file, or for a record of several items a folder. What another home handed out to you opens without a
    ledger: its home has told it.

    Example: `qcot record open 3fb0c1d2 --as doctor -o note.txt`
    """
    words.require_purpose(purpose)
    words.require_free(out_path)  # an access is on the ledger for good: first see that it will be of use
    place = open_home(home)
    if Path(record).is_file():
        handed = Handed.parse(words.read(Path(record), MAX_HANDED))
        with holder_of(place) as holder:
            opened = holder.open_handed(handed, name)
    else:
        with _custodian(place, wait) as custodian:
            book = custodian.ledger.view().book
            found = words.record_id(record, custodian, book)
            words.require_item(item, book.record(found).count)
            opened = custodian.open(found, name, purpose)
    words.require_item(item, len(opened.items))
    written = words.write(opened, out_path, range(len(opened.items)) if item is None else [item], proof)
    if as_json:
        print_json({"record": opened.record, "files": [str(path) for path in written]})
        return
    out.print(f"opened {opened.record.hex()}; the ledger shows that it was", markup=False, soft_wrap=True)
    for path in written:
        out.print(f"{path}  {path.stat().st_size:,} bytes", markup=False, soft_wrap=True)


@app.command()
def ask(
    record: Annotated[str, typer.Argument(help="The record's whole id.", metavar="ID")],
    name: AsOption,
    out_path: OutOption,
    purpose: PurposeOption = DEFAULT_PURPOSE,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for a record that another home keeps: writes an access (.qcot-access) to be carried there.

    Example: `qcot record ask 3fb0c1d2e4f506173fb0c1d2e4f50617 --as doctor -o ask.qcot-access`
    """
    words.require_purpose(purpose)
    words.require_free(out_path)
    with holder_of(open_home(home)) as holder:
        found = words.whole_id(record)
        asked = holder.ask(found, name, purpose)
        words.create(out_path, asked.encode())
    if as_json:
        print_json({"record": found, "pseudonym": asked.reader.kid, "file": str(out_path)})
        return
    out.print(f"{out_path}  asks for {found.hex()} as {asked.reader.kid.hex()}", markup=False, soft_wrap=True)
    out.print(f"next, in the home that keeps it  qcot record hand-out {out_path} -o FILE", markup=False, soft_wrap=True)


@app.command("hand-out")
def hand_out(
    file: Annotated[Path, typer.Argument(help="What somebody asked with (.qcot-access).", metavar="FILE")],
    out_path: OutOption,
    wait: WaitOption = 30.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put somebody's access on the ledger, and write the record sealed to them (.qcot-handed).

    Example: `qcot record hand-out ask.qcot-access -o record.qcot-handed`
    """
    words.require_free(out_path)
    asked = Asked.parse(words.read(file, MAX_ASKED))
    with _custodian(open_home(home), wait) as custodian:
        words.create(out_path, custodian.answer(asked).encode())
    if as_json:
        print_json({"reader": asked.reader.kid, "file": str(out_path)})
        return
    out.print(f"{out_path}  for {asked.reader.kid.hex()} alone; the ledger shows it", markup=False, soft_wrap=True)
    out.print(f"next, there  qcot record open {out_path} --as NAME -o FILE", markup=False, soft_wrap=True)


@app.command()
def erase(
    record: IdArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Nothing brings the record back.")] = False,
    wait: WaitOption = 30.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the erasure on the ledger, and destroy the record's key, salts and payload here.

    Proofs of what was published still hold. What somebody opened before, and your backups of this home, are out of
    reach (docs/records.md).

    Example: `qcot record erase 3fb0c1d2 --yes`
    """
    with _custodian(open_home(home), wait) as custodian:
        found = words.record_id(record, custodian)
        if not yes:
            raise QcotError(NOT_CONFIRMED, f"record {found.hex()} would be destroyed for good")
        custodian.erase(found)
    if as_json:
        print_json({"record": found, "erased": True})
        return
    out.print(f"{found.hex()} is erased: its key, salts and payload are destroyed in this home", markup=False)
    out.print("backups of this home and copies of whoever opened it are out of reach", markup=False)


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Items that were handed out (.qcot-item).", metavar="FILE")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check items with their proofs, without the rest of their records; with a ledger, also against it.

    Example: `qcot record verify note.txt.qcot-item`
    """
    book = words.local_book(open_home(home))
    results = [words.check_item(file, book) for file in files]
    if as_json:
        print_json(results)
    for result in results if not as_json else ():
        out.print("[green]holds[/]" if result["holds"] else "[bold red]FAILS[/]", end="  ")
        out.print(f"{result['file']}: {result['says']}", markup=False, soft_wrap=True)
        if not result["holds"]:
            out.print(f"       {result['problem']}. {result['remedy']}", markup=False, soft_wrap=True)
    if not all(result["holds"] for result in results):
        raise typer.Exit(1)


COMMANDS = {"record": app}
