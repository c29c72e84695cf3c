"""Everything that is regenerated, in the papers' order."""

from __future__ import annotations

from collections.abc import Sequence

from qcot.errors import Problem, QcotError
from qcot.reproduce import collapse, signatures, structure
from qcot.reproduce.model import Item

NO_SUCH_ITEM = Problem("no-such-item", "Name one or more of those listed above, each with its own --only.")

ITEMS = (
    Item("fig3", "QUMA Fig. 3", "collapse of a measured qubit", collapse.run),
    Item("table1", "QUMA Table 1", "what a classical block and a Qblock hold", structure.run),
    Item("table2.2", "QCoT Table 2.2", "post-quantum signatures", signatures.run),
)


def choose(names: Sequence[str]) -> tuple[Item, ...]:
    """The items of these names in the papers' order, or all; raises `no-such-item`."""
    known = {item.name for item in ITEMS}
    if unknown := [name for name in names if name not in known]:
        raise QcotError(NO_SUCH_ITEM, f"{', '.join(unknown)}: there are {', '.join(item.name for item in ITEMS)}")
    return tuple(item for item in ITEMS if not names or item.name in names)
