"""What one signature over many items saves: bytes and time for each, in batches of 1 to 1,024, measured in one run."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from qcot.crypto import merkle
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.records.batch import Batch, HandedOut, Item, check_items
from qcot.records.statements import Publish, build

from benchmarks.figure import Figure

SIZES = (1, 4, 16, 64, 256, 1024)
ROUNDS = 15
NOW = 1_800_000_000_000
KEY = SigningKey(ML_DSA_44, bytes(32))
RECORD = bytes(16)


@dataclass(frozen=True)
class Row:
    """Bytes and microseconds for one of ``items``; times are medians of ROUNDS that took turns with the other sizes."""

    items: int
    ledger_bytes: float
    proof_bytes: int
    commit_us: float
    prove_us: float
    check_us: float
    check_again_us: float


def commit(items: list[Item]) -> tuple[bytes, Batch]:
    """Hash the items, build the tree, sign its root."""
    tree = Batch(item.leaf() for item in items)
    body = Publish(RECORD, KEY.public_key, bytes(32), tree.root, tree.size, bytes(32), "text/csv")
    return build(KEY, body, NOW), tree


def timed(call: Callable[[], object]) -> float:
    """Microseconds."""
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1e6


def rows() -> list[Row]:
    """Measure every size in turn, ROUNDS times."""
    made = {size: [Item(f"{at}.csv", b"2026-11-22T06:00:00Z,71") for at in range(size)] for size in SIZES}
    signed = {size: commit(items) for size, items in made.items()}
    times: dict[int, list[tuple[float, ...]]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, items in made.items():
            statement, tree = signed[size]
            middle = size // 2
            handed = HandedOut(statement, middle, items[middle], tree.path(middle))
            known = [(middle, items[middle], handed.path)]
            times[size].append((
                timed(lambda items=items: commit(items)) / size,
                timed(lambda tree=tree, size=size: [tree.path(at) for at in range(size)]) / size,
                timed(handed.check),
                timed(lambda tree=tree, known=known: check_items(tree.root, tree.size, known)),
            ))  # fmt: skip
    found = []
    for size, items in made.items():
        statement, tree = signed[size]
        longest = max(
            (HandedOut(statement, at, items[at], tree.path(at)) for at in range(size)), key=lambda h: len(h.path)
        )
        medians = [statistics.median(each) for each in zip(*times[size], strict=True)]
        proof = len(longest.encode()) - len(longest.item.content)
        found.append(Row(size, len(statement) / size, proof, *medians))
    return found


def measure() -> list[Figure]:
    """For each batch what an item costs; beside it, what the item's proof adds to the item."""
    return [
        Figure(
            f"record of {row.items:,}: hash, sign, prove, for each item",
            round(row.commit_us + row.prove_us, 1),
            "us",
            baseline=f"{row.ledger_bytes:,.1f} B of the ledger an item; handed out alone it carries "
            f"{row.proof_bytes:,} B, checked in {row.check_us:,.0f} us, or {row.check_again_us:,.0f} us where the "
            "signature is known",
        )
        for row in rows()
    ]


if __name__ == "__main__":
    print("items  ledger B/item  proof B  commit us/item  path us/item  check us  check again us  (tree hash: ", end="")
    print(f"{timed(lambda: [merkle.node_hash(bytes(32), bytes(32)) for _ in range(1000)]) / 1000:.2f} us)")
    for row in rows():
        print(
            f"{row.items:5,}  {row.ledger_bytes:13,.1f}  {row.proof_bytes:7,}  {row.commit_us:14,.1f}  "
            f"{row.prove_us:12,.1f}  {row.check_us:8,.0f}  {row.check_again_us:14,.1f}"
        )
