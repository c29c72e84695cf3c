"""The live table of a running site: boards above, ledger below, what is wrong at the end."""

from __future__ import annotations

import time
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from qcot.bridge.snapshot import BoardView, BridgeView, TroubleView
from qcot.gateway.events import Snapshot
from qcot.ledger.qblock import Header

TROUBLE_SHOWN_MS = 60_000


def _state(board: BoardView) -> Text:
    if board.online:
        return Text(
            "online" + (f", {board.signer.words}" if board.signer and board.signer.words else ""), style="green"
        )
    return Text(board.reason or "waiting", style="yellow")


def _boards(bridge: BridgeView) -> RenderableType:
    """Each board; ``seq`` is how far its epoch is on disk, ``readings`` counts since the bridge started."""
    if not bridge.boards:
        return Text("no board yet: plug one in, or name its port with --port", style="yellow")
    table = Table(box=None, pad_edge=False)
    table.add_column("board", overflow="fold")
    for column in ("epoch", "seq", "readings", "lost", "refused"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("state", overflow="fold")
    for each in bridge.boards:
        bad = each.counters.forged + each.counters.replayed + each.counters.malformed
        table.add_row(
            each.device or each.port, "" if each.epoch is None else str(each.epoch),
            f"{each.stored:,}", f"{each.readings:,}", f"{each.lost:,}", f"{bad:,}", _state(each),
        )  # fmt: skip
    return table


def _ledger(bridge: BridgeView, gateway: Snapshot) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for column in ("ledger: readings", "transactions", "Qblocks", "waiting", "refused"):
        table.add_column(column, justify="right", no_wrap=True)
    numbers = gateway.readings, gateway.transactions, gateway.qblocks, bridge.outbox, bridge.refused
    table.add_row(*(f"{number:,}" for number in numbers))
    return table


def _trouble(trouble: TroubleView) -> Text:
    at = datetime.fromtimestamp(trouble.time / 1000).strftime("%H:%M:%S")
    often = f", {trouble.times} times" if trouble.times > 1 else ""
    return Text(f"{at} {trouble.where}: {trouble.name}{often}: {trouble.reason}. {trouble.remedy}", style="yellow")


def _validated(header: Header) -> str:
    record = header.quantum.validated
    return "" if record is None else f", bookkeeper validated by {record.verifier}"


def site_table(bridge: BridgeView, gateway: Snapshot) -> RenderableType:
    """Boards, readings, transactions and Qblocks at one moment."""
    lines: list[RenderableType] = [_boards(bridge), Text(), _ledger(bridge, gateway)]
    header = gateway.last_qblock
    if header is not None:
        check, phases = header.quantum.check, header.quantum.phases
        lines.append(
            Text(
                f"Qblock {header.core.height}: theta {phases.theta:.3f}, phi {phases.phi:.3f}, "
                f"{check.zeros_newest}/{check.shots} zeros ({check.backend}){_validated(header)}"
            )
        )
    if not (bridge.connected and gateway.connected):
        lines.append(Text("connecting to the broker; what is read meanwhile is kept and sent later", style="yellow"))
    if gateway.trouble:
        lines.append(Text(f"gateway: {gateway.trouble}", style="bold red"))
    since = time.time() * 1000 - TROUBLE_SHOWN_MS
    lines += [_trouble(each) for each in bridge.troubles[-3:] if each.time >= since]
    return Group(*lines)
