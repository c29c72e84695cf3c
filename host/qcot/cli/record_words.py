"""What `qcot record` reads from its words and files, and the rows that it shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qcot.crypto.cose import NAME
from qcot.crypto.signing import KID_SIZE
from qcot.custody.custodian import Custodian
from qcot.custody.handover import Opened
from qcot.custody.holder import Holder
from qcot.custody.identities import MAX_FILE, PublicIdentity
from qcot.errors import Problem, QcotError
from qcot.home import Home
from qcot.ledger.problems import LEDGER_MISSING
from qcot.ledger.reader import Reader
from qcot.records import batch
from qcot.records.rules import Event, RecordBook
from qcot.records.statements import ID_SIZE, Access, Consent, Erase, Publish, Withdraw

BAD_RECORD_ID = Problem("bad-record-id", "Give the id as `qcot record list` shows it, or its first characters.")
NOT_WHOLE_ID = Problem(
    "bad-record-id", "Give all of the id, as `qcot record publish` and `qcot record share` print it in its own home."
)
BAD_RECIPIENT = Problem(
    "bad-recipient",
    "Name a .qcot-id file, an identity of this home, or (to revoke) a pseudonym of `record list --log`.",
)
BAD_DURATION = Problem("bad-duration", "Write a number and s, m, h or d, as in 30d or 12h.")
BAD_PURPOSE = Problem("bad-purpose", "Write 1 to 64 characters of A-Z a-z 0-9 _ -, as in treatment.")
UNREADABLE = Problem("file-unreadable", "Name files that you may read.")
UNWRITABLE = Problem("file-unwritable", "Name a place that you may write to with -o.")
NO_SUCH_ITEM = Problem("no-such-item", "Count the items from 0; `qcot record list` shows how many there are.")
FILE_EXISTS = Problem("file-exists", "Name another place with -o, or remove what is there.")

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PREFIX, _SHOWN = 4, 12
_ITEM_SUFFIX = ".qcot-item"
_PROOF = 64 << 10  # what an item's file has besides its content, at most
_WHAT = {Publish: "published", Consent: "shared", Withdraw: "revoked", Access: "opened", Erase: "erased"}
_LEDGER_SAYS = {
    "holds": "the ledger here holds its statement",
    "erased": "the ledger here holds its statement, and that the record was erased since",
    "missing": "the ledger here does not hold its statement",
    None: "no ledger is here to ask whether it holds the statement",
}


def check_item(file: Path, book: RecordBook | None) -> dict[str, Any]:
    """Whether the item in ``file`` holds, what is proved, and what the ledger's ``book`` says of its record."""
    result: dict[str, Any] = {"file": str(file)}
    try:
        handed = batch.parse(read(file, batch.MAX_CONTENT + _PROOF))
        statement = handed.check()
    except QcotError as error:
        problem = error.problem
        return result | {"holds": False, "says": error.reason, "problem": problem.name, "remedy": problem.remedy}
    assert isinstance(statement.body, Publish)  # check() takes no other
    record = statement.body.record
    ledger = _ledger_says(statement.hash, record, book)
    says = f"{handed.item.name!r} is item {handed.index} of record {record.hex()}, as published"
    return result | {
        "holds": True, "says": f"{says}; {_LEDGER_SAYS[ledger]}", "ledger": ledger, "record": record,
        "item": handed.index, "name": handed.item.name, "pseudonym": statement.kid, "time": statement.time,
    }  # fmt: skip


def _ledger_says(statement: bytes, record: bytes, book: RecordBook | None) -> str | None:
    if book is None:
        return None
    if statement not in book.events:
        return "missing"
    return "erased" if book.record(record).erased else "holds"


def local_book(home: Home) -> RecordBook | None:
    """The book of the ledger in this home, if there is one."""
    if not home.ledger.is_file():
        return None
    with Reader.open(home.ledger) as ledger:
        return ledger.record_book()


def book_of(custodian: Custodian) -> RecordBook:
    """What the ledger says of records: nothing where there is none yet."""
    try:
        return custodian.ledger.view().book
    except QcotError as error:
        if error.problem is not LEDGER_MISSING:  # nothing was published yet
            raise
        return RecordBook()


KEPT_COLUMNS = ["record", "of", "state", "items", "bytes", "media type", "shared", "opened"]
EVENT_COLUMNS = ["signed at (UTC)", "what", "by", "here", ""]


def kept_row(book: RecordBook, record: bytes, name: str, _statement: bytes, size: int | None) -> dict[str, Any]:
    """A record in custody, and what the ledger says of it."""
    row: dict[str, Any] = {"record": record, "identity": name, "state": "waits for the ledger", "bytes": size}
    known = book.records.get(record)
    if known is None:
        return row | {"items": None, "media_type": None, "shared": 0, "opened": 0}
    return row | {
        "state": "erased" if known.erased else "on the ledger",
        "items": known.count,
        "media_type": known.media_type,
        "shared": len(known.consents),
        "opened": sum(isinstance(event.body, Access) for event in book.log(record)),
    }


def kept_cells(row: dict[str, Any]) -> list[str]:
    """The same for people."""
    size = "" if row["bytes"] is None else f"{row['bytes']:,}"
    return [
        _short(row["record"]), row["identity"], row["state"], f"{row['items'] or '':>5}", f"{size:>9}",
        row["media_type"] or "", f"{row['shared']:>6}", f"{row['opened']:>6}",
    ]  # fmt: skip


def event_row(custodian: Custodian, event: Event) -> dict[str, Any]:
    """A statement about a record, and which identity of this home is behind its pseudonym, if one is."""
    holder, body = custodian.store.holder(event.kid), event.body
    row: dict[str, Any] = {
        "time": event.time, "what": _WHAT[type(body)], "pseudonym": event.kid, "identity": holder and holder[0],
        "statement": event.statement, "recipient": None, "purpose": None, "until": None,
    }  # fmt: skip
    if isinstance(body, Consent):
        row |= {"recipient": body.key.kid, "purpose": body.purpose, "until": body.until}
    elif isinstance(body, Withdraw):
        row |= {"recipient": body.recipient}
    elif isinstance(body, Access):
        row |= {"purpose": body.purpose}
    return row


def event_cells(row: dict[str, Any]) -> list[str]:
    """The same for people."""
    parts = [
        ""
        if row["recipient"] is None
        else f"{'from' if row['what'] == 'revoked' else 'to'} {_short(row['recipient'])}",
        "" if row["purpose"] is None else f"for {row['purpose']}",
        "" if row["until"] is None else f"until {date(row['until'])[:16]}",
    ]
    details = " ".join(part for part in parts if part)
    return [date(row["time"]), row["what"], _short(row["pseudonym"]), row["identity"] or "", details]


def _short(each: bytes) -> str:
    """Enough of an id to name it by, in hex; --json has all of it."""
    return each.hex()[:_SHOWN]


def record_id(text: str, custodian: Custodian, book: RecordBook | None = None) -> bytes:
    """The record with this id, or the one whose id begins so; raises `bad-record-id`."""
    if not re.fullmatch(rf"[0-9a-fA-F]{{{_PREFIX},{2 * ID_SIZE}}}", text):
        raise QcotError(BAD_RECORD_ID, f"{text!r} is not {_PREFIX} to {2 * ID_SIZE} hex digits")
    if len(text) == 2 * ID_SIZE:
        return bytes.fromhex(text)
    known = {record for record, *_ in custodian.store.everything()} | set(book.records if book else ())
    found = [record for record in known if record.hex().startswith(text.lower())]
    if len(found) != 1:
        raise QcotError(BAD_RECORD_ID, f"{len(found)} records begin with {text}")
    return found[0]


def whole_id(text: str) -> bytes:
    """The id of a record that need not be known here; raises `bad-record-id`."""
    if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * ID_SIZE}}}", text):
        raise QcotError(NOT_WHOLE_ID, f"{text!r} is not {2 * ID_SIZE} hex digits")
    return bytes.fromhex(text)


def require_item(item: int | None, count: int) -> None:
    """Raise `no-such-item` for an index beyond the record."""
    if item is not None and item >= count:
        raise QcotError(NO_SUCH_ITEM, f"item {item} of {count}")


def recipient_of(text: str, holder: Holder) -> PublicIdentity:
    """The pseudonym in a .qcot-id file, or the one that an identity of this home hands out."""
    file, identities = Path(text), holder.identities
    if NAME.fullmatch(text) and not file.exists() and (known := identities.handed_out(text)) is not None:
        return known
    if not file.is_file():
        raise QcotError(BAD_RECIPIENT, f"{text} is neither a file nor an identity of this home")
    return PublicIdentity.parse(read(file, MAX_FILE))


def recipient_kid(text: str, holder: Holder, known: Iterable[bytes]) -> bytes:
    """The key id of a pseudonym: the first digits of one that is ``known``, or as :func:`recipient_of` takes it."""
    if re.fullmatch(rf"[0-9a-fA-F]{{{_PREFIX},{2 * KID_SIZE}}}", text) and not Path(text).exists():
        found = {kid for kid in known if kid.hex().startswith(text.lower())}
        if len(found) == 1:
            return found.pop()
        if not holder.identities.has(text):
            raise QcotError(BAD_RECIPIENT, f"{len(found)} pseudonyms that this could be about begin with {text}")
    return recipient_of(text, holder).kid


def milliseconds(text: str) -> int:
    """A duration as 30d or 12h has it; raises `bad-duration`."""
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if not found:
        raise QcotError(BAD_DURATION, f"{text!r}")
    return int(found[1]) * _UNITS_MS[found[2]]


def require_purpose(text: str) -> None:
    """Raise `bad-purpose` for what no statement may hold."""
    if not NAME.fullmatch(text):
        raise QcotError(BAD_PURPOSE, f"{text!r}")


def date(milliseconds: int) -> str:
    """POSIX ms for people."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(sep=" ", timespec="seconds")[:19]
    except (ValueError, OverflowError, OSError):  # signed by somebody whose clock is far off
        return f"{milliseconds} ms"


def read(file: Path, at_most: int) -> bytes:
    """The bytes of a file; raises `file-unreadable`, also for more than ``at_most``."""
    try:
        with file.open("rb") as opened:
            data = opened.read(at_most + 1)
    except OSError as error:
        raise QcotError(UNREADABLE, f"{file}: {error.strerror}") from error
    if len(data) > at_most:
        raise QcotError(UNREADABLE, f"{file} has more than {at_most:,} bytes")
    return data


def require_free(path: Path) -> None:
    """Raise `file-exists` or `file-unwritable` where nothing could be written."""
    if path.exists():
        raise QcotError(FILE_EXISTS, f"{path} is there already")
    if not path.parent.is_dir():
        raise QcotError(UNWRITABLE, f"{path.parent} is no folder")


def write(opened: Opened, path: Path, wanted: Sequence[int], proof: bool) -> list[Path]:
    """Write the ``wanted`` items to ``path``, or into it where they are several; nobody else may read them."""
    written = []
    if len(wanted) > 1:
        path.mkdir(mode=0o700)
    for index in wanted:
        item = opened.items[index]
        place = path / item.name if len(wanted) > 1 else path
        written.append(create(place, item.content))
        if proof:
            written.append(create(place.with_name(place.name + _ITEM_SUFFIX), opened.item(index).encode()))
    return written


def create(path: Path, data: bytes) -> Path:
    """Write a new file that nobody else may read; raises `file-exists` or `file-unwritable`."""
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(data)
    except FileExistsError as error:
        raise QcotError(FILE_EXISTS, f"{path} is there already") from error
    except OSError as error:
        raise QcotError(UNWRITABLE, f"{path}: {error.strerror}") from error
    return path
