"""The daemons: `qcot broker|bridge|gateway|up`. What only one of them needs is loaded when that one starts."""

from __future__ import annotations

import io
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live

from qcot.cli.common import HomeOption, JsonOption, err, open_home, out, print_json
from qcot.errors import Problem, QcotError

if TYPE_CHECKING:
    from qcot.bridge.daemon import Bridge
    from qcot.gateway.events import Snapshot
    from qcot.gateway.gateway import Gateway
    from qcot.home import Home

ELSEWHERE = Problem("broker-elsewhere", "Start the broker on its own machine; `qcot bridge` and `qcot gateway` use it.")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DRAIN_S = 10.0
SOON_S = 30 * 86_400
"""How long before a certificate ends a daemon says so when it starts."""


PortsOption = Annotated[
    list[str] | None,
    typer.Option("--port", help="Serve this port, as often as wanted; in place of what the settings name."),
]


def _log_to(console: Console) -> None:
    """Warnings, and how keys of boards come on, with their time; a live table stays below them."""
    handler = logging.StreamHandler(_Lines(console))
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s", handlers=[handler])
    logging.getLogger("qcot.bridge.signing").setLevel(logging.INFO)


class _Lines(io.StringIO):
    """Hands each line to a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def write(self, text: str) -> int:
        self._console.print(text, end="", markup=False, soft_wrap=not self._console.is_terminal)
        return len(text)


def _ports(names: list[str] | None) -> tuple[str, ...] | None:
    """The ports that were named: not there yet is no error, a board may be plugged in later."""
    return tuple(names) if names else None


def broker(
    host: Annotated[str, typer.Option(help="Address to listen on; anybody who reaches it is let in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 1883,
) -> None:
    """Run the embedded MQTT broker (amqtt): one machine, trials and tests. A site runs Mosquitto, see broker/.

    Example: `qcot broker --port 1884`
    """
    from qcot.broker import EmbeddedBroker

    _log_to(err)
    with EmbeddedBroker(host, port) as running:
        out.print(f"broker: {running.host}:{running.port}", markup=False)
        _wait_for_signal()


def bridge(home: HomeOption = None, port: PortsOption = None) -> None:
    """Run the bridge: boards' frames in, signed transactions out, until Ctrl-C.

    Example: `qcot bridge --port /dev/ttyACM0`
    """
    from qcot.services import make_bridge

    _log_to(err)
    place = open_home(home)
    daemon = make_bridge(place, ports=_ports(port))
    _warn_of_end(place, "bridge")
    out.print("bridge: running; Ctrl-C stops")
    daemon.run()


def gateway(home: HomeOption = None) -> None:
    """Run the gateway: transactions in, Qblocks and receipts out, until Ctrl-C.

    Example: `qcot gateway --home /srv/qcot`
    """
    from qcot.services import make_gateway

    _log_to(err)
    place = open_home(home)
    daemon = make_gateway(place)
    _warn_of_end(place, "gateway")
    daemon.start()
    _on_signal(daemon.request_stop)
    out.print("gateway: running; Ctrl-C stops")
    try:
        daemon.run()
    finally:
        daemon.stop()


def up(
    home: HomeOption = None,
    port: PortsOption = None,
    seconds: Annotated[float, typer.Option(min=0, help="Stop after this time; 0 runs until Ctrl-C.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Run broker, gateway and bridge together, with a live table, until Ctrl-C.

    Where a broker listens already (Debian starts Mosquitto when it is installed), that one is used.

    Example: `qcot up`, `qcot up --port /dev/ttyACM0`
    """
    from qcot.broker import EmbeddedBroker
    from qcot.services import make_bridge, make_gateway, tls_files

    speak = err if as_json else out
    _log_to(speak if speak.is_terminal else err)
    place = open_home(home)
    where = place.settings().broker
    if where.host not in LOOPBACK or tls_files(place, where) is not None:
        raise QcotError(ELSEWHERE, f"the settings name a broker at {where.host}:{where.port}, with TLS or elsewhere")
    stopped = threading.Event()
    _on_signal(stopped.set)
    speak.print("starting broker, gateway and bridge; Ctrl-C stops")
    with ExitStack() as stack:
        if not _listens(where.host, where.port):
            stack.enter_context(EmbeddedBroker(where.host, where.port))
        else:
            speak.print(f"using the broker that listens at {where.host}:{where.port}", markup=False)
        log = make_gateway(place)
        _warn_of_end(place, "gateway", "bridge")
        stack.callback(log.stop)
        log.start()
        boards = make_bridge(place, ports=_ports(port))
        boards.start()
        stack.callback(boards.stop)
        ended = _when_it_ends(log, stopped)
        _watch(boards, log, stopped, time.monotonic() + (seconds or float("inf")), speak)
        speak.print("stopping")
        drained = ended.done() or boards.drain(DRAIN_S)
    ended.result()
    _sum_up(log.snapshot(), drained, as_json)


def _warn_of_end(place: Home, *parts: str) -> None:
    """Say in time that a certificate will end."""
    from qcot.certificates import certificate

    for part in parts:
        left = certificate.parse(place.certificate(part)).not_after - int(time.time())
        if left < SOON_S:
            err.print(
                f"the {part}'s certificate ends in {max(left, 0) // 86_400} days: qcot certificate request {part}",
                markup=False, soft_wrap=True,
            )  # fmt: skip


def _listens(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=2):
        return True
    return False


def _when_it_ends(log: Gateway, stopped: threading.Event) -> Future[None]:
    """Set ``stopped`` should the gateway end by itself; the result is then what ended it."""
    ended: Future[None] = Future()

    def wait() -> None:
        try:
            log.run()
            ended.set_result(None)
        except BaseException as error:
            ended.set_exception(error)
        stopped.set()

    threading.Thread(target=wait, name="watch", daemon=True).start()
    return ended


def _watch(boards: Bridge, log: Gateway, stopped: threading.Event, end: float, console: Console) -> None:
    from qcot.cli.live import site_table

    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while not stopped.wait(0.5) and time.monotonic() < end:
            if live:
                live.update(site_table(boards.snapshot(), log.snapshot()), refresh=True)


def _sum_up(at: Snapshot, drained: bool, as_json: bool) -> None:
    if as_json:
        print_json({"transactions": at.transactions, "readings": at.readings, "qblocks": at.qblocks})
        return
    out.print(f"{at.readings:,} readings in {at.transactions:,} transactions, {at.qblocks:,} Qblocks in the ledger")
    if not drained:
        out.print("the gateway did not take everything; the rest is on disk and sent next time", style="yellow")
    out.print("next      qcot ledger verify; qcot ledger list --boards; qcot ledger prove")


def _on_signal(call: Callable[[], None]) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        call()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, handle)


def _wait_for_signal() -> None:
    stopped = threading.Event()
    _on_signal(stopped.set)
    while not stopped.wait(3600):
        pass


COMMANDS = {"broker": broker, "bridge": bridge, "gateway": gateway, "up": up}
