"""What others say of the log's trees, kept beside them: witnesses' cosignatures and the authority's anchors.

They are written while a gateway runs: no leaf depends on them, and each is one SQLite transaction of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from qcot.certificates.claims import Role
from qcot.certificates.register import Register
from qcot.crypto.signing import PublicKey
from qcot.database import transaction
from qcot.errors import Problem, QcotError
from qcot.ledger import anchor, checkpoint, schema
from qcot.ledger.anchor import Anchor
from qcot.ledger.checkpoint import Checkpoint, VerifierKey
from qcot.ledger.problems import ANCHOR_FOREIGN
from qcot.ledger.reader import Reader

COSIGNATURE_FOREIGN = Problem(
    "cosignature-foreign",
    "Install the witness's certificate (`qcot certificate install`), and give what it answered to this log's request.",
)


def store_cosignatures(path: Path, text: str, witnesses: Mapping[str, VerifierKey], last: int = 64) -> dict[str, int]:
    """Store the signature lines in ``text`` under the checkpoint that each was made over; on return they are on disk.

    Returns witnesses and sizes. Looks among the newest ``last`` checkpoints; a line that is there already is left as it
    is. Raises `bad-checkpoint`, or `cosignature-foreign` where a line is not of one of the ``witnesses``, or over
    none of those checkpoints; then nothing was stored.
    """
    with Reader.open(path) as ledger:
        heads = [head for size in ledger.newest_sizes(last) if (head := _head(ledger, size)) is not None]
    rows = []
    for line in checkpoint.parse_signatures(text):
        vkey = witnesses.get(line.name)
        if vkey is None or vkey.key_id != line.key_id:
            raise QcotError(COSIGNATURE_FOREIGN, f"{line.name} with key id {line.key_id.hex()} is no witness here")
        size = next((head.size for head in heads if _holds(head, str(line), vkey)), None)
        if size is None:
            raise QcotError(COSIGNATURE_FOREIGN, f"what {line.name} signed is none of the newest {len(heads)} trees")
        rows.append((size, line.name, str(line)))
    with _open(path) as database, transaction(database):
        database.executemany("INSERT INTO cosignature VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
    return {name: size for size, name, _ in rows}


def store_anchor(path: Path, raw: bytes, root: PublicKey) -> Anchor:
    """Store an anchor of this log; on return it is on disk.

    Raises `bad-anchor`, `bad-signature`, or `anchor-foreign` where it is not over a tree of this log.
    """
    found = anchor.parse(raw)
    found.verify(root)
    with Reader.open(path) as ledger:
        _require_tree(found, _head(ledger, found.size))
    with _open(path) as database, transaction(database):
        database.execute("INSERT OR REPLACE INTO anchor VALUES (?, ?)", (found.size, raw))
    return found


def check(ledger: Reader, register: Register) -> None:
    """Raise unless each anchor, and each cosignature of a witness in ``register``, is over the tree it stands beside.

    Raises `bad-signature`, `bad-checkpoint`, `cosignature-foreign`, `bad-anchor` or `anchor-foreign`.
    """
    witnesses = [VerifierKey(each.name, each.key) for each in register.of_role(Role.WITNESS) if each.key]
    for size, line in ledger.cosignatures():
        head = _head(ledger, size)
        if head is None:
            raise QcotError(COSIGNATURE_FOREIGN, f"a cosignature of {size} leaves, over which there is no checkpoint")
        (given,) = checkpoint.parse_signatures(line)
        for vkey in witnesses:
            if (given.name, given.key_id) == (vkey.name, vkey.key_id):
                _beside(head, line).verify(vkey)
    for size, raw in ledger.anchors():
        found = anchor.parse(raw)
        found.verify(register.root)
        _require_tree(found, _head(ledger, size))


def _head(ledger: Reader, size: int) -> Checkpoint | None:
    text = ledger.checkpoint(size)
    return None if text is None else checkpoint.parse(text)


def _require_tree(found: Anchor, head: Checkpoint | None) -> None:
    if head is None or (head.origin, head.size, head.root) != (found.origin, found.size, found.root):
        raise QcotError(ANCHOR_FOREIGN, f"no checkpoint here is over {found.size} leaves of {found.origin}")


def _beside(head: Checkpoint, line: str) -> Checkpoint:
    """The same tree, with this line alone under it."""
    body, _, _ = head.text.partition("\n\n")
    return checkpoint.parse(f"{body}\n\n{line}")


def _holds(head: Checkpoint, line: str, vkey: VerifierKey) -> bool:
    """Whether ``line`` is the witness's over this tree."""
    try:
        _beside(head, line).verify(vkey)
    except QcotError:
        return False
    return True


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    with schema.errors(path), closing(schema.connect(path, writable=True)) as connection:
        yield connection
