"""Everything that is regenerated, in the papers' order."""

from __future__ import annotations

from collections.abc import Sequence

from qcot.errors import Problem, QcotError
from qcot.reproduce import attacks, audit, collapse, embedding, features, identity, signatures, structure, walk
from qcot.reproduce.model import Item

FEWEST_SHOTS = 64
TOO_FEW_SHOTS = Problem("reproduce-shots", f"Give {FEWEST_SHOTS} shots at least: fewer say nothing about a figure.")
NO_SUCH_ITEM = Problem("no-such-item", "Name one or more of those listed above, each with its own --only.")

ITEMS = (
    Item("fig3", "QUMA Fig. 3", "collapse of a measured qubit", collapse.run),
    Item("fig5", "QUMA Fig. 5", "embedding of two records", embedding.example),
    Item("fig7", "QUMA Fig. 7", "who validates whom in the six-node network", identity.network),
    Item("fig10", "QUMA Fig. 10", "quantum walk on a ring of four", walk.ring),
    Item("fig11", "QUMA Fig. 11", "walk hashes of altered messages", walk.sensitivity),
    Item("fig12", "QUMA Fig. 12", "attacks on a validation", attacks.run),
    Item("fig13", "QUMA Fig. 13", "a Qblock's time by phase estimation", audit.run),
    Item("table1", "QUMA Table 1", "what a classical block and a Qblock hold", structure.run),
    Item("table2", "QUMA Table 2", "representation of Qblocks", embedding.coefficients),
    Item("table3", "QUMA Table 3", "record hashes", identity.hashes),
    Item("table4", "QUMA Table 4", "checked positions", identity.positions),
    Item("table5", "QUMA Table 5", "outcomes of the Bell states", identity.bell_states),
    Item("table6", "QUMA Table 6", "features, claimed and tried", features.run),
    Item("table2.2", "QCoT Table 2.2", "post-quantum signatures", signatures.run),
)


def choose(names: Sequence[str]) -> tuple[Item, ...]:
    """The items of these names in the papers' order, or all; raises `no-such-item`."""
    known = {item.name for item in ITEMS}
    if unknown := [name for name in names if name not in known]:
        raise QcotError(NO_SUCH_ITEM, f"{', '.join(unknown)}: there are {', '.join(item.name for item in ITEMS)}")
    return tuple(item for item in ITEMS if not names or item.name in names)
