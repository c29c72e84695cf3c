"""The network as a picture (QUMA Fig. 7): nodes on a circle, quantum links drawn through, classical ones dashed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qcot.quantum.network.figures import circle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from qcot.quantum.network.simulation import Simulation
    from qcot.quantum.network.topology import Topology

COLOURS = {"agrees": "#2a7f62", "behind": "#c77d0a", "differs": "#b3261e", "relay": "#8a8f98", "member": "#34506e"}
AIMED = "#b3261e"
CLASSICAL_BEND = 0.12


def network_figure(topology: Topology, simulation: Simulation | None = None) -> Figure:
    """Draw ``topology``, and by colour how its members ended in ``simulation``."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch

    figure = Figure(figsize=(7, 7), layout="constrained")
    axes = figure.add_subplot()
    places = circle([node.name for node in topology.nodes])
    aimed = simulation.fault.link if simulation is not None and simulation.fault is not None else frozenset()
    for kind, style, bend, width in (("quantum", "-", 0.0, 1.6), ("classical", (0, (4, 3)), CLASSICAL_BEND, 0.9)):
        for link in topology.links("quantum" if kind == "quantum" else "classical"):
            colour = AIMED if {link.source, link.target} == aimed else "#5b6b7b"
            axes.add_patch(
                FancyArrowPatch(
                    places[link.source], places[link.target], arrowstyle="-", connectionstyle=f"arc3,rad={bend}",
                    linestyle=style, linewidth=width, color=colour, zorder=1,
                )
            )  # fmt: skip
    ended = {each.name: each.state for each in simulation.outcomes} if simulation is not None else {}
    for node in topology.nodes:
        x, y = places[node.name]
        axes.scatter([x], [y], s=900, color=COLOURS[ended.get(node.name, node.role)], zorder=2)
        axes.text(x * 1.17, y * 1.17, node.name, ha="center", va="center", fontsize=11)
    for style, says in (("-", "quantum"), ("--", "classical")):
        axes.plot([], [], style, color="#5b6b7b", label=says)
    for state in sorted({*ended.values()} | {node.role for node in topology.nodes if node.name not in ended}):
        axes.scatter([], [], color=COLOURS[state], label=state)
    axes.legend(loc="lower left", frameon=False)
    axes.set_title(f"{topology.name}: {len(topology.members)} members (simulation)")
    axes.set_xlim(-1.35, 1.35)
    axes.set_ylim(-1.35, 1.35)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure


def draw_network(topology: Topology, path: Path, simulation: Simulation | None = None) -> None:
    """Write the picture; raises OSError, and ValueError for a suffix that is no picture's."""
    network_figure(topology, simulation).savefig(
        path, dpi=120, metadata={"Software": None} if path.suffix == ".png" else None
    )
