"""The embedded broker: amqtt on a thread and an event loop of its own, for one machine, the demo and the tests."""

from __future__ import annotations

import asyncio
import logging
import threading
from types import TracebackType
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError

from qcot.errors import Problem, QcotError

NOT_STARTED = Problem("broker-not-started", "Choose a free port, or stop what listens there.")
_START_S = 30.0


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
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="broker", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_S):
            raise QcotError(NOT_STARTED, f"{self.host}:{self.port} was not ready after {_START_S:.0f} s")
        if self._failure is not None:
            self._thread.join()
            raise QcotError(NOT_STARTED, f"{self.host}:{self.port}: {self._failure}") from self._failure

    def stop(self) -> None:
        """Close every connection and the port."""
        if self._loop is not None and self._stopping is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._loop = None

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, *_exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        # Without a last resort, a client that vanishes in mid-packet prints a traceback.
        asyncio.get_running_loop().set_exception_handler(_log_quietly)
        try:
            broker = Broker(
                BrokerConfig(
                    listeners={"default": ListenerConfig(bind=f"{self.host}:{self.port}")},
                    plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
                )
            )
            await broker.start()
            self.port = broker._servers["default"].instance.sockets[0].getsockname()[1]  # it tells nowhere else
        except (BrokerError, OSError) as error:
            self._failure = error.__cause__ or error
            return
        finally:
            self._loop = asyncio.get_running_loop()
            self._started.set()
        await self._stopping.wait()
        await broker.shutdown()


def _log_quietly(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    logging.getLogger(__name__).debug("broker: %s", context.get("message"), exc_info=context.get("exception"))
