"""Close the open run into a Qblock and sign the tree: commit, recompute, sign, commit, and only then give out."""

from __future__ import annotations

from dataclasses import dataclass

from qcot.crypto.signing import SigningKey
from qcot.ledger import checkpoint, qblock
from qcot.ledger.store import Ledger


@dataclass(frozen=True)
class Bookkeeper:
    """Who closes Qblocks: the gateway's ``name`` and key, and the shots of each local check."""

    name: str
    key: SigningKey
    shots: int


def close_run(ledger: Ledger, bookkeeper: Bookkeeper, *, now: int, seed: int) -> qblock.Header | None:
    """Close the open run at ``now`` (ms) into a Qblock, on disk on return; None when there is nothing to close."""
    if not ledger.unclosed:
        return None
    sign_tree(ledger, bookkeeper, now=now)  # so that only the newest header can ever lack its checkpoint
    core = ledger.next_core(now, bookkeeper.name)
    earlier = [h for h in (ledger.header(core.height - 2), ledger.last_header) if h is not None]
    start = core.time if ledger.start is None else ledger.start
    header = qblock.close(core, earlier, start, shots=bookkeeper.shots, seed=seed)
    ledger.append_qblock(header)
    return header


def sign_tree(ledger: Ledger, bookkeeper: Bookkeeper, *, now: int) -> str | None:
    """The checkpoint over the newest Qblock: the stored one, or one made at ``now`` (ms) and stored first.

    None where the ledger has no Qblock. Call it at start too: a gateway may have been killed between the two.
    """
    if ledger.last_header is None:
        return None
    size = ledger.last_header.core.tree_size + 1
    stored = ledger.checkpoint(size)
    if stored is not None:
        return stored
    size, root = ledger.root_to_sign()
    text = checkpoint.sign(
        bookkeeper.key, bookkeeper.name, origin=ledger.origin, size=size, root=root, stamp=now // 1000
    )
    return ledger.store_checkpoint(text)
