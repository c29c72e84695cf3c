"""`qcot init`, and the daemons: `qcot broker|bridge|gateway|up`."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import typer
from rich.live import Live

from qcot.broker import EmbeddedBroker
from qcot.cli.common import HomeOption, JsonOption, open_home, out, print_json
from qcot.cli.live import site_table
from qcot.errors import Problem, QcotError
from qcot.home import create_home
from qcot.services import make_bridge, make_gateway, tls_files
from qcot.settings import Settings

ELSEWHERE = Problem("broker-elsewhere", "Start the broker on its own machine; `qcot bridge` and `qcot gateway` use it.")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _quietly() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")


def init(home: HomeOption = None, site: Annotated[str, typer.Option(help="Name of this site.")] = "home") -> None:
    """Make a home: bridge and gateway keys that trust each other, and qcot.toml.

    Example: `qcot init --site ward-3`
    """
    place = open_home(home)
    try:
        settings = Settings(site=site)
    except ValueError as error:
        wrong = f"{site!r} is not 1 to 64 characters of a-z A-Z 0-9 _ -"
        raise typer.BadParameter(wrong, param_hint="--site") from error
    create_home(place.path, settings)
    out.print(f"home      {place.path}", markup=False)
    out.print(f"settings  {place.settings_file}", markup=False)
    out.print("next      qcot flash uno; qcot enroll; qcot up")


def broker(
    host: Annotated[str, typer.Option(help="Address to listen on; anybody who reaches it is let in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 1883,
) -> None:
    """Run the embedded MQTT broker (amqtt): one machine, trials and tests. A site runs Mosquitto, see broker/.

    Example: `qcot broker --port 1884`
    """
    _quietly()
    with EmbeddedBroker(host, port) as running:
        out.print(f"broker: {running.host}:{running.port}")
        _wait_for_signal()


def bridge(home: HomeOption = None) -> None:
    """Run the bridge: boards' frames in, signed transactions out, until Ctrl-C.

    Example: `qcot bridge --home /srv/qcot`
    """
    _quietly()
    daemon = make_bridge(open_home(home))
    out.print("bridge: running")
    daemon.run()


def gateway(home: HomeOption = None) -> None:
    """Run the gateway: transactions in, Qblocks and receipts out, until Ctrl-C.

    Example: `qcot gateway --home /srv/qcot`
    """
    _quietly()
    daemon = make_gateway(open_home(home))
    daemon.start()
    _on_signal(daemon.request_stop)
    out.print("gateway: running")
    try:
        daemon.run()
    finally:
        daemon.stop()


def up(
    home: HomeOption = None,
    seconds: Annotated[float, typer.Option(min=0, help="Stop after this time; 0 runs until Ctrl-C.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Run broker, gateway and bridge together, with a live table, until Ctrl-C.

    Example: `qcot up`
    """
    _quietly()
    place = open_home(home)
    where = place.settings().broker
    if where.host not in LOOPBACK or tls_files(place, where) is not None:
        raise QcotError(ELSEWHERE, f"the settings name a broker at {where.host}:{where.port}, with TLS or elsewhere")
    stopped = threading.Event()
    _on_signal(stopped.set)
    with EmbeddedBroker(where.host, where.port):
        log = make_gateway(place)
        log.start()
        try:
            boards = make_bridge(place)
            boards.start()
            end = time.monotonic() + seconds if seconds else float("inf")
            try:
                with Live(console=out, auto_refresh=False, transient=as_json) as live:
                    while not stopped.wait(0.5) and time.monotonic() < end:
                        if not as_json:
                            live.update(site_table(boards.snapshot(), log.snapshot()), refresh=True)
                boards.drain(10.0)
            finally:
                boards.stop()
        finally:
            log.stop()
        if as_json:
            at = log.snapshot()
            print_json({"transactions": at.transactions, "readings": at.readings, "qblocks": at.qblocks})


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


COMMANDS = {"init": init, "broker": broker, "bridge": bridge, "gateway": gateway, "up": up}
