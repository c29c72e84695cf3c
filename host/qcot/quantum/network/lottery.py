"""Who keeps the books: chosen by the random bytes of all nodes, each bound by a hash before it sees the others'.

First all commit, SHA-256 of their bytes; then all reveal; the digest of what was revealed picks the node. As long as
one node's bytes are random and unknown before all have committed, nobody can aim the draw.

The last revealer's choice remains: who reveals last may see the outcome and keep silent. Here silence costs the place
in the draw, so it never helps oneself; it does help a friend, by what `last_revealer_theory` says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from qcot.quantum.statistics import Estimate

VALUE_BYTES = 32


def commitment(height: int, attempt: int, name: str, value: bytes) -> str:
    """What binds a node to ``value`` in this draw and no other."""
    return hashlib.sha256(f"qcot draw {height} {attempt} {name} ".encode() + value).hexdigest()


def revealed(
    height: int, attempt: int, commitments: Mapping[str, str], values: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Those values that keep their node's word; anything else is as good as silence."""
    return {
        name: value
        for name, value in sorted(values.items())
        if len(value) == VALUE_BYTES and commitments.get(name) == commitment(height, attempt, name, value)
    }


def drawn(values: Mapping[str, bytes], barred: Collection[str] = ()) -> tuple[str | None, str]:
    """The node that the values pick, and their digest. ``barred`` ones had their turn; None where nobody is left.

    The digest modulo at most 16 nodes favours none of them by more than 2^-252.
    """
    hashed = hashlib.sha256(b"".join(name.encode() + b"\0" + value for name, value in sorted(values.items())))
    eligible = sorted(set(values) - set(barred))
    chosen = eligible[int.from_bytes(hashed.digest(), "big") % len(eligible)] if eligible else None
    return chosen, hashed.hexdigest()


def draw_shares(names: Sequence[str], draws: int, seed: int) -> tuple[Estimate, ...]:
    """How often each node is drawn in ``draws`` draws of random bytes; theory says 1/n each."""
    from qcot.quantum.statistics import proportion

    random = np.random.default_rng(seed)
    won = dict.fromkeys(names, 0)
    for _ in range(draws):
        chosen, _digest = drawn({name: random.bytes(VALUE_BYTES) for name in names})
        if chosen is not None:
            won[chosen] += 1
    return tuple(proportion(f"{name} keeps the books", won[name], draws, 1 / len(names)) for name in names)


def last_revealer_theory(members: int) -> float:
    """Probability that the last revealer or its one friend is drawn, when it is silent whenever neither would be.

    2/n + (n - 2)/n 1/(n - 1), where honest play gives 2/n.
    """
    return 2 / members + (members - 2) / (members * (members - 1))


def last_revealer(members: int, draws: int, seed: int) -> Estimate:
    """Play the last revealer and its friend in ``draws`` draws."""
    from qcot.quantum.statistics import proportion

    random = np.random.default_rng(seed)
    names = [f"node{number:02}" for number in range(members)]
    last, friend = names[-1], names[0]
    won = 0
    for _ in range(draws):
        values = {name: random.bytes(VALUE_BYTES) for name in names}
        chosen, _digest = drawn(values)
        if chosen not in (last, friend):
            del values[last]
            chosen, _digest = drawn(values)
        won += chosen in (last, friend)
    return proportion(f"last revealer or friend of {members}", won, draws, last_revealer_theory(members))
