"""The gateway daemon: transactions in from the broker, receipts out, and a Qblock at every interval.

Three threads: the link's puts messages into the inbox, the ledger's does everything else (qcot.gateway.worker), and the
quantum part of a Qblock runs on a third.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from qcot.errors import QcotError
from qcot.gateway.books import Books
from qcot.gateway.config import GatewayConfig
from qcot.gateway.events import Event, Snapshot
from qcot.gateway.inbox import Inbox, Message
from qcot.gateway.problems import NOT_RUNNING
from qcot.gateway.worker import Worker, quantum_thread
from qcot.mqtt import Ack, MqttLink, all_bridges, channel_topic, checkpoint_topic, parse_topic, receipt_topic
from qcot.quantum.qblock import QblockPhases, run_local_check

BATCH = 256
"""Most messages verified at a time, so that a Qblock that is due never waits long."""
_log = logging.getLogger(__name__)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Gateway:
    """A gateway over ``config``. ``on_event`` is called from its threads and must return soon."""

    def __init__(
        self,
        config: GatewayConfig,
        on_event: Callable[[Event], None] | None = None,
        *,
        clock: Callable[[], int] = _wall_ms,
    ) -> None:
        self._config = config
        self._on_event = on_event
        self._clock = clock
        self._inbox = Inbox()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._books: Books | None = None
        self._worker: Worker | None = None
        self._bridges: frozenset[str] = frozenset()
        self._thread = threading.Thread(target=self._work, name="ledger")
        self._link = MqttLink(config.host, config.port, f"gateway-{config.site}-{config.name}", tls=config.tls)
        self._link.on_connect = self._connected
        self._link.on_disconnect = lambda reason: self.tell(Event("disconnected", reason))
        self._link.subscribe(all_bridges(config.site, "tx"), self._receive)

    def start(self) -> None:
        """Open the ledger and begin.

        Raises `ledger-locked`, `ledger-corrupt` and whatever else keeps it closed, or why the gateway's own certificate
        does not hold.
        """
        self._books = books = Books(self._config)
        if (wrong := books.not_certified(self._clock())) is not None:
            books.close()
            raise wrong
        self._worker = Worker(self._config, self._books, self, wake=self._inbox.wake, clock=self._clock)
        # The first run pays for loading the simulator; let it be this one.
        quantum_thread().submit(run_local_check, [QblockPhases(0, 0)], [QblockPhases(0, 0)], 1, 0)
        self._prepare(books)
        self._thread.start()
        self._link.start()

    def run(self) -> None:
        """Wait until :meth:`stop` is called from another thread, or raise what ended the gateway by itself."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Answer what has come, close the open Qblock, publish, and let go of everything; twice does no harm."""
        self.request_stop()
        if self._thread.ident is not None:
            self._thread.join()
        self._link.stop()
        if self._books is not None:
            self._books.close()

    def request_stop(self) -> None:
        """Let :meth:`run` return soon; safe in a signal handler. :meth:`stop` has to follow."""
        self._stopping.set()
        self._inbox.wake()

    def snapshot(self) -> Snapshot:
        """The gateway now, or as it was when it stopped; raises `gateway-not-running` before :meth:`start`."""
        if self._worker is None:
            raise QcotError(NOT_RUNNING, "it has not been started")
        return self._worker.snapshot(self._link.connected)

    def receipt(self, bridge: str, raw: bytes) -> None:
        """Send a receipt; one that cannot be sent is asked for again by its bridge."""
        self._publish(receipt_topic(self._config.site, bridge), raw)

    def checkpoint(self, text: str) -> None:
        """Give out a checkpoint; one that cannot be sent goes out at the next connection."""
        self._publish(checkpoint_topic(self._config.site), text.encode(), retain=True)

    def tell(self, event: Event) -> None:
        """Pass an event on; whatever goes wrong in who gets it is not the gateway's trouble."""
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                _log.exception("nobody could be told: %s", event.text)

    def _work(self) -> None:
        worker = self._worker
        assert worker is not None
        try:
            while not (self._stopping.is_set() and worker.is_done(len(self._inbox))):
                stopping = self._stopping.is_set()
                self._offer(worker)
                wait_s = min(worker.wait_s(stopping), worker.opener.wait_s() if worker.opener else math.inf)
                messages = self._inbox.take(min(BATCH, worker.room), wait_s)
                worker.step(messages, stopping)
                if self._books is not None and self._books.bridges != self._bridges:
                    self._prepare(self._books)
        except BaseException as error:
            self._failure = error
            self._stopping.set()
            _log.critical("the gateway ends: %s", error, exc_info=not isinstance(error, QcotError))
            self.tell(Event("trouble", str(error)))

    def _prepare(self, books: Books) -> None:
        """Have keys ready for each bridge that may validate the bookkeeper, before a Qblock wants them."""
        self._bridges = books.bridges
        quantum_thread().submit(books.validator.prepare)

    def _offer(self, worker: Worker) -> None:
        """Give out the channel's offer when it is due; the broker keeps it for bridges that come later."""
        if worker.opener is not None and (offer := worker.opener.offer()) is not None:
            self._publish(channel_topic(self._config.site, self._config.name), offer, retain=True)

    def _connected(self) -> None:
        self.tell(Event("connected", f"to the broker at {self._config.host}:{self._config.port}"))
        # A broker that lost what it retained has it again.
        if self._books is not None and self._books.checkpoint is not None:
            self.checkpoint(self._books.checkpoint)
        if self._worker is not None and self._worker.opener is not None:
            self._worker.opener.lost_offer()
            self._inbox.wake()

    def _receive(self, topic: str, payload: bytes, ack: Ack) -> None:
        if self._stopping.is_set() or self._worker is None:
            return  # not acknowledged: it is another session's
        try:
            _, bridge, _ = parse_topic(topic)
        except QcotError as error:  # a name that no receipt could be addressed to
            _log.warning("%s", error)
            ack()
            return
        if not self._inbox.put(Message(bridge, payload, ack)):
            self._worker.turn_away(bridge, payload)
            ack()

    def _publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        try:
            self._link.publish(topic, payload, retain)
        except QcotError as error:
            _log.warning("%s", error)
