"""Close the open run into a Qblock and sign the tree: commit, recompute, sign, commit, and only then give out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

from qcot.crypto.signing import SigningKey
from qcot.ledger import checkpoint, qblock
from qcot.ledger.qblock import Core, Header
from qcot.ledger.store import Ledger
from qcot.ledger.validation import Validated

if TYPE_CHECKING:
    from qcot.quantum.backends import Backend

Validate: TypeAlias = Callable[[int, bytes], Validated]
"""Validates the bookkeeper of the Qblock of this height and SHA-256 of its core, or raises why it is not accepted."""


@dataclass(frozen=True)
class Bookkeeper:
    """Who closes Qblocks: the gateway's ``name`` and key, and the shots and backend of each local check.

    ``since`` and ``until`` are the bounds of its certificate in POSIX seconds, the second the first too late.
    With ``validate`` no Qblock is made whose bookkeeper another identity did not accept.
    """

    name: str
    key: SigningKey
    shots: int
    validate: Validate | None = None
    backend: Backend | None = None
    since: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """An open run that is to be closed: everything that the quantum part needs, apart from the ledger."""

    core: Core
    earlier: tuple[Header, ...]
    start: int
    bookkeeper: Bookkeeper
    seed: int

    def run(self) -> Header:
        """Validate the bookkeeper, run the local check and make the header; the slow part, safe on another thread."""
        keeper = self.bookkeeper
        validated = None
        if keeper.validate is not None:
            validated = keeper.validate(self.core.height, sha256(self.core.encode()).digest())
        return qblock.close(
            self.core, self.earlier, self.start,
            shots=keeper.shots, seed=self.seed, validated=validated, backend=keeper.backend,
        )  # fmt: skip


def begin(ledger: Ledger, bookkeeper: Bookkeeper, *, now: int, seed: int) -> Closing:
    """Fix the open run to be closed at ``now`` (ms); until :func:`end` nothing may be appended.

    A header says the tree size before it, which is its own place: whatever comes meanwhile goes behind it. Raises
    `qblock-out-of-place` where nothing is open.
    """
    sign_tree(ledger, bookkeeper)  # so that only the newest header can ever lack its checkpoint
    core = ledger.next_core(now if bookkeeper.until is None else min(now, bookkeeper.until * 1000 - 1), bookkeeper.name)
    earlier = tuple(h for h in (ledger.header(core.height - 2), ledger.last_header) if h is not None)
    start = core.time if ledger.start is None else ledger.start
    return Closing(core, earlier, start, bookkeeper, seed)


def end(ledger: Ledger, bookkeeper: Bookkeeper, header: Header) -> str:
    """Store the header, then sign and store the checkpoint over it; on return that may be given out.

    Where it failed, it may be called again with the same header.
    """
    if ledger.last_header is not header:
        ledger.append_qblock(header)
    text = sign_tree(ledger, bookkeeper)
    assert text is not None  # there is a Qblock
    return text


def close_run(ledger: Ledger, bookkeeper: Bookkeeper, *, now: int, seed: int) -> str:
    """:func:`begin`, the quantum part and :func:`end` in one go, for who has nothing else to do meanwhile."""
    return end(ledger, bookkeeper, begin(ledger, bookkeeper, now=now, seed=seed).run())


def sign_tree(ledger: Ledger, bookkeeper: Bookkeeper) -> str | None:
    """The checkpoint over the newest Qblock, of that Qblock's time: the stored one, or one made and stored first.

    Where the key that closed it has been followed by another, of the time at which that one's certificate begins.

    None where the ledger has no Qblock. Call it at start too: a gateway may have been killed between the two.
    """
    last = ledger.last_header
    if last is None:
        return None
    stored = ledger.checkpoint(last.core.tree_size + 1)
    if stored is not None:
        return stored
    size, root = ledger.root_to_sign()
    stamp = max(last.core.time // 1000, bookkeeper.since)
    text = checkpoint.sign(bookkeeper.key, ledger.origin, origin=ledger.origin, size=size, root=root, stamp=stamp)
    return ledger.store_checkpoint(text)
