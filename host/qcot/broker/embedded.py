"""The embedded broker: amqtt on a thread and an event loop of its own, for one machine, the demo and the tests."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import BrokerError

from qcot.errors import Problem, QcotError

NOT_STARTED = Problem("broker-not-started", "Choose a free port, or stop what listens there.")
_START_S = 30.0
_STOP_S = 2.0


class EmbeddedBroker:
    """An MQTT 3.1.1 broker in this process; ``port`` 0 takes a free one, and ``port`` tells which after ``start``.

    It keeps nothing when it stops and takes anybody who can reach ``host``: bind it to this machine only.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Listen, and return once connections are taken; raises ``broker-not-started``."""
        for name in ("amqtt", "transitions"):  # both narrate every packet at INFO, and losing a client at WARNING
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._started.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_S):
            raise QcotError(NOT_STARTED, f"{self.host}:{self.port} was not ready after {_START_S:.0f} s")
        if self._failure is not None:
            self._thread.join()
            self._loop = None
            raise QcotError(NOT_STARTED, f"{self.host}:{self.port}: {self._failure}") from self._failure

    def stop(self) -> None:
        """Close every connection and the port; twice does no harm."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or self._stopping is None:
            return
        self._loop = None
        loop.call_soon_threadsafe(self._stopping.set)
        thread.join()

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, *_exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        loop = self._loop = asyncio.new_event_loop()
        # Without a handler, a client that vanishes in mid-packet prints a traceback.
        loop.set_exception_handler(_log_quietly)
        try:
            loop.run_until_complete(self._serve())
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:  # amqtt's tasks may refuse to be cancelled: no longer than this for them
                loop.run_until_complete(asyncio.wait(left, timeout=_STOP_S))
        finally:
            self._started.set()
            loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        writers: set[asyncio.StreamWriter] = set()
        broker = Broker(
            BrokerConfig(
                # The connections are ours, so that they can be closed whatever amqtt is doing.
                listeners={"default": ListenerConfig(type=ListenerType.EXTERNAL)},
                plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            )
        )

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.add(writer)
            try:
                await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), "default")
            finally:
                writers.discard(writer)
                writer.close()

        try:
            server = await asyncio.start_server(connected, self.host, self.port)
            await broker.start()
        except (BrokerError, OSError) as error:
            self._failure = error
            return
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for writer in tuple(writers):
            writer.transport.abort()
        with suppress(TimeoutError):  # it waits for its clients' tasks, and some never come
            await asyncio.wait_for(broker.shutdown(), _STOP_S)


def _log_quietly(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    logging.getLogger(__name__).debug("broker: %s", context.get("message"), exc_info=context.get("exception"))
