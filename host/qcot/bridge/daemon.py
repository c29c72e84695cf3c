"""The bridge as a process: ports, timers and the broker around the parts that decide.

Everything happens on one event loop, on a thread of its own or on the main one. The link to the broker runs on a thread
of its own and hands over to the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from qcot.boards.registry import BoardRegistry
from qcot.bridge.config import BridgeConfig, Rates
from qcot.bridge.intake import Identity, Intake
from qcot.bridge.loop import every, hand_over
from qcot.bridge.mqtt_lines import MqttLines, candidates, is_line
from qcot.bridge.port import BoardPort, Hub
from qcot.bridge.publisher import Publisher
from qcot.bridge.signing import SigningDesk
from qcot.bridge.snapshot import BridgeView, last_will
from qcot.bridge.statements import Statements
from qcot.bridge.store import Store
from qcot.bridge.troubles import Troubles
from qcot.channel.sealer import Sealer
from qcot.channel.secret import Names
from qcot.errors import QcotError
from qcot.ledger.transactions import CheckpointEntry
from qcot.mqtt import Ack, MqttLink, channel_topic, receipt_topic, status_topic, tx_topic

COMMIT_DELAY = 0.01
RETRY_DISK = 0.5
DISCOVER_EVERY = 0.5
LOOK_EVERY = 0.5
PUMP_EVERY = 0.25
STATUS_EVERY = 2.0
SEALS_AT_ONCE = 4

_log = logging.getLogger(__name__)


def _wall() -> int:
    return time.time_ns() // 1_000_000


class Bridge:
    """One bridge. ``run`` blocks until SIGTERM or SIGINT; ``start`` and ``stop`` do the same on a thread.

    Raises QcotError `outbox-...` at once when its outbox can't be had. ``snapshot`` may be called from any thread.
    """

    def __init__(self, config: BridgeConfig) -> None:
        self._config = config
        self._topic = tx_topic(config.site, config.name)
        self._store = Store(config.outbox, config.site, config.name)
        identity = Identity(config.site, config.name, config.policy, config.key, config.next_key)
        self._intake = Intake(self._store, identity, config.limits, clock=time.monotonic, wall=_wall)
        self._troubles = Troubles(_wall)
        self._trouble = self._troubles.tell
        self._statements = Statements(config, self._store, self._intake, partial(self._trouble, "statements"))
        self._mqtt = MqttLink(
            config.broker.host,
            config.broker.port,
            f"qcot-{config.site}-{config.name}",
            tls=config.broker.tls,
            username=config.broker.username,
            password=config.broker.password,
            will=(status_topic(config.site, config.name), last_will(config.site, config.name)),
        )
        self._sealer = self._make_sealer()
        self._publisher = Publisher(
            self._store,
            config.gateway,
            site=config.site,
            bridge=config.name,
            send=self._send,
            renumber=self._intake.renumber,
            trouble=partial(self._trouble, "gateway"),
            hear=self._sealer.hear if self._sealer else lambda answer: answer,
            introduction=self._statements.chain,
            outlived=self._statements.outlived,
            settled=self._statements.settled,
        )
        self._lines = MqttLines(
            self._mqtt,
            config.site,
            config.name,
            config.ports,
            lambda where, problem, reason: self._from_thread(self._trouble, where, problem, reason),
        )
        self._desk = SigningDesk(
            config.home,
            config.checkpoint_every,
            certified=self._statements.signing_key,
            queue=self._take_checkpoint,
            trouble=self._trouble,
        )
        self._hub = Hub(
            config=config,
            registry=BoardRegistry(config.home),
            store=self._store,
            intake=self._intake,
            require_certified=self._require_certified,
            commit=self._commit,
            trouble=self._trouble,
            wall=_wall,
            closing=self._closing,
            lines=self._lines,
            desk=self._desk,
        )
        self._ports: dict[str, BoardPort] = {}
        self._timers: dict[BoardPort, asyncio.TimerHandle] = {}
        self._commit_timer: asyncio.TimerHandle | None = None
        self._seal_timer: asyncio.TimerHandle | None = None
        self._taking = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._view = BridgeView(config.site, config.name)

    # From outside

    def run(self) -> None:
        """Serve on this thread, which must be the main one, until SIGTERM or SIGINT."""
        asyncio.run(self._serve(signals=True))

    def start(self) -> None:
        """Serve on a thread."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(signals=False)), name="bridge")
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """End what ``start`` began: what was taken is on disk, and sent when the bridge runs again."""
        if self._loop and self._ended:
            with contextlib.suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread:
            self._thread.join()
            self._thread = None

    def drain(self, timeout_s: float = 30.0) -> bool:
        """Take no more, and wait until the gateway has all that was taken; gives whether it has."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self._drain(timeout_s), self._loop).result()

    def set_rates(self, rates: Rates) -> None:
        """From now on wish for ``rates``, also of the boards that are served already."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._apply_rates, rates)

    def snapshot(self) -> BridgeView:
        """The state of at most a quarter of a second ago."""
        return self._view

    # The loop

    async def _serve(self, *, signals: bool) -> None:
        loop = self._loop = asyncio.get_running_loop()
        ended = self._ended = asyncio.Event()
        if signals:
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(each, ended.set)
        self._mqtt.on_connect = lambda: hand_over(loop, self._connected)
        self._mqtt.subscribe(
            receipt_topic(self._config.site, self._config.name),
            lambda _topic, payload, ack: hand_over(loop, self._receipt, payload, ack),
        )
        if self._sealer:
            self._mqtt.subscribe(
                channel_topic(self._config.site, self._config.gateway_name),
                lambda _topic, payload, ack: hand_over(loop, self._offered, payload, ack),
            )
        else:
            _log.warning("the channel is off: the broker can read what this bridge sends")
        self._mqtt.start()
        tasks = [
            asyncio.create_task(every(seconds, call))
            for seconds, call in (
                (LOOK_EVERY, self._look),
                (DISCOVER_EVERY, self._discover),
                (PUMP_EVERY, self._beat),
                (STATUS_EVERY, self._tell_status),
            )
        ]
        self._seal()
        self._refresh()
        self._started.set()
        try:
            await ended.wait()
        finally:
            for task in tasks:
                task.cancel()
            self._take_no_more("the bridge stopped")
            self._refresh(running=False)
            self._tell_status()
            await loop.run_in_executor(None, self._mqtt.stop)
            self._store.close()

    async def _drain(self, timeout_s: float) -> bool:
        self._take_no_more("the bridge takes no more")
        end = time.monotonic() + timeout_s
        while self._intake.dirty or self._intake.pending or self._publisher.backlog:
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(0.02)
            if not self._intake.dirty or self._commit():
                self._seal(flush=True)
        self._refresh()
        return True

    def _take_no_more(self, why: str) -> None:
        self._taking = False
        self._commit()
        for port in self._ports.values():
            port.close(why)
        self._seal(flush=True)

    # Ports

    def _discover(self) -> None:
        if not self._taking:
            return
        now = time.monotonic()
        for path, known in list(self._ports.items()):
            if known.fd is None and is_line(path) and not self._lines.holds(path):
                del self._ports[path]
        taken = {os.path.realpath(port.path) for port in self._ports.values() if port.fd is not None}
        for path in candidates(self._config.patterns, self._lines):
            real = os.path.realpath(path)
            port = self._ports.get(path)
            if port is None:
                if real in taken:
                    continue
                port = self._ports[path] = BoardPort(path, self._hub)
            if port.fd is None and now >= port.retry_at and real not in taken and port.open(now):
                taken.add(real)
                assert self._loop is not None
                assert port.fd is not None
                self._loop.add_reader(port.fd, self._readable, port)
                self._arm(port)

    def _readable(self, port: BoardPort) -> None:
        port.readable(time.monotonic())
        self._after(port)

    def _tick(self, port: BoardPort) -> None:
        port.tick(time.monotonic())
        self._after(port)

    def _after(self, port: BoardPort) -> None:
        """What follows from a port having done something."""
        self._arm(port)
        if self._intake.dirty and self._commit_timer is None and self._loop:
            self._commit_timer = self._loop.call_later(COMMIT_DELAY, self._commit)

    def _arm(self, port: BoardPort) -> None:
        self._disarm(port)
        if port.fd is not None and self._loop:
            self._timers[port] = self._loop.call_at(port.wake(time.monotonic()), self._tick, port)

    def _disarm(self, port: BoardPort) -> None:
        timer = self._timers.pop(port, None)
        if timer:
            timer.cancel()

    def _closing(self, port: BoardPort, fd: int) -> None:
        """A port is about to give its file back: the number may be another's a moment later."""
        if self._loop:
            self._loop.remove_reader(fd)
        self._disarm(port)

    def _apply_rates(self, rates: Rates) -> None:
        self._hub.config = replace(self._hub.config, rates=rates)
        for port in self._ports.values():
            port.set_rates()
            self._arm(port)

    # Statements

    def _look(self) -> None:
        """Take up certificates and submissions that are new."""
        if self._taking:
            self._statements.look()
            if not self._intake.dirty or self._commit():
                self._statements.tidy()
                if self._statements.send_again():
                    self._publisher.recount()
                self._seal()
            self._check_boards()

            for port in self._desk.look(self._hub.owners):
                self._after(port)

    def _take_checkpoint(self, entry: CheckpointEntry) -> None:
        self._intake.take_checkpoint(entry)
        self._commit()

    def _check_boards(self) -> None:
        """End the sessions of boards whose certificate has ended."""
        require = partial(self._statements.require_board, certificates=self._statements.certificates())
        for port in list(self._ports.values()):
            if port.check(require, time.monotonic()):
                self._after(port)

    def _require_certified(self, device: bytes) -> None:
        """Raise by name unless a board is certified for this bridge; its certificate goes to the ledger before it."""
        self._statements.look()
        self._statements.require_board(device)

    # Disk

    def _commit(self) -> bool:
        if self._commit_timer:
            self._commit_timer.cancel()
            self._commit_timer = None
        try:
            positions = self._intake.commit()
        except QcotError as error:
            self._trouble("outbox", error.problem, error.reason)
            if self._loop:
                self._commit_timer = self._loop.call_later(RETRY_DISK, self._commit)
            return False
        now = time.monotonic()
        for device, position in positions.items():
            port = self._hub.owners.get(device)
            if port and port.fd is not None:
                port.acknowledge(position, now)
                self._after(port)
        if self._intake.pending:
            self._seal()
        return True

    def _seal(self, *, flush: bool = False) -> None:
        if self._seal_timer:
            self._seal_timer.cancel()
            self._seal_timer = None
        again: float | None = None
        try:
            for _ in range(SEALS_AT_ONCE):
                if not (self._intake.pending if flush else self._intake.due(self._publisher.backlog)):
                    again = self._intake.deadline
                    break
                if self._intake.seal():
                    self._publisher.added()
                self._pump()
            else:
                again = time.monotonic()
        except QcotError as error:
            self._trouble("outbox", error.problem, error.reason)
            again = time.monotonic() + RETRY_DISK
        if again is not None and self._loop:
            self._seal_timer = self._loop.call_at(again, partial(self._seal, flush=flush))

    # Broker and gateway

    def _connected(self) -> None:
        self._publisher.restart()
        self._pump()
        self._tell_status()

    def _receipt(self, payload: bytes, ack: Ack) -> None:
        try:
            self._publisher.receive(payload, time.monotonic())
        except QcotError as error:
            # Not acted on: the transactions stay, are sent again, and answered again.
            self._trouble("outbox", error.problem, error.reason)
        ack()
        self._pump()

    def _offered(self, payload: bytes, ack: Ack) -> None:
        assert self._sealer is not None
        self._sealer.offered(payload)
        ack()

    def _pump(self) -> None:
        # Without a key nothing goes out: the outbox keeps it, and the trouble says why.
        if self._mqtt.connected and self._publisher.backlog and (self._sealer is None or self._sealer.ready()):
            self._publisher.pump(time.monotonic())

    def _send(self, raw: bytes) -> None:
        for payload in self._sealer.seal(raw) if self._sealer else (raw,):
            self._mqtt.publish(self._topic, payload)

    def _make_sealer(self) -> Sealer | None:
        config = self._config
        if config.sealing is None:
            return None
        return Sealer(
            Names(config.site, config.name, config.gateway_name),
            self._topic,
            replace(config.sealing, certificates=self._statements.chain),
            gateway=config.gateway,
            key=lambda: self._intake.key,
            clock=time.monotonic,
            changed=lambda: self._from_thread(self._pump),
            failed=lambda problem, reason: self._from_thread(self._trouble, "channel", problem, reason),
        )

    def _from_thread(self, call: Callable[..., None], *arguments: Any) -> None:
        if self._loop:
            hand_over(self._loop, call, *arguments)

    def _beat(self) -> None:
        self._pump()
        self._refresh()

    def _tell_status(self) -> None:
        if self._mqtt.connected:
            with contextlib.suppress(QcotError):
                topic = status_topic(self._config.site, self._config.name)
                self._mqtt.publish(topic, self._view.to_json(_wall()), retain=True)

    # What is shown

    def _refresh(self, *, running: bool = True) -> None:
        now = time.monotonic()
        boards = tuple(port.view(now) for port in self._ports.values())
        self._view = BridgeView(
            site=self._config.site,
            bridge=self._config.name,
            running=running,
            connected=self._mqtt.connected,
            boards=boards,
            readings=sum(board.readings for board in boards),
            sealed=self._intake.sealed,
            accepted=self._publisher.accepted,
            accepted_readings=self._publisher.readings,
            pending=self._intake.pending,
            outbox=self._publisher.backlog,
            refused=self._publisher.refused,
            channel=self._sealer.state if self._sealer else "off",
            troubles=self._troubles.views,
        )
