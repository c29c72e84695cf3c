"""The live table of a running site: boards above, ledger below."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from qcot.bridge.snapshot import BoardView, BridgeView
from qcot.gateway.events import Snapshot


def _state(board: BoardView) -> Text:
    if board.online:
        return Text("online", style="green")
    return Text(board.reason or "waiting", style="yellow")


def site_table(bridge: BridgeView, gateway: Snapshot) -> RenderableType:
    """Boards, readings, transactions and Qblocks at one moment."""
    boards = Table(box=None, pad_edge=False)
    boards.add_column("board")
    for column in ("epoch", "readings", "on disk", "lost", "refused"):
        boards.add_column(column, justify="right")
    boards.add_column("state")
    for each in bridge.boards:
        bad = each.counters.forged + each.counters.replayed + each.counters.malformed
        boards.add_row(
            each.device or each.port, "" if each.epoch is None else str(each.epoch),
            f"{each.readings:,}", f"{each.stored:,}", f"{each.lost:,}", f"{bad:,}", _state(each),
        )  # fmt: skip
    lines: list[RenderableType] = [boards, Text()]
    lines.append(
        Text(
            f"transactions {gateway.transactions:,} (outbox {bridge.outbox:,}, refused {bridge.refused:,})   "
            f"readings in the ledger {gateway.readings:,}   Qblocks {gateway.qblocks:,}"
        )
    )
    header = gateway.last_qblock
    if header is not None:
        check = header.quantum.check
        phases = header.quantum.phases
        lines.append(
            Text(
                f"Qblock {header.core.height}: theta {phases.theta:.4f}, phi {phases.phi:.4f}, local check "
                f"{check.zeros_newest}/{check.shots} zeros on {check.backend}"
            )
        )
    if gateway.trouble:
        lines.append(Text(f"gateway: {gateway.trouble}", style="bold red"))
    lines += [Text(f"{t.where}: {t.name}: {t.reason}. {t.remedy}", style="yellow") for t in bridge.troubles[-3:]]
    return Group(*lines)
