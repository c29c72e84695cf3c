"""The host's end of a line to the board under test, driven step by step."""

from __future__ import annotations

import secrets
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from patience import PATIENCE_S
from qcot.boards.registry import BoardRegistry
from qcot.bridge.mqtt_lines import MqttLine
from qcot.link.events import Event, Resume, SawHello, SawResult, SawStatus, SessionOpened, TookReadings
from qcot.link.frames import wire
from qcot.link.messages import Hello, Status
from qcot.link.session import LISTEN, Session
from qcot.link.transport import SerialPort
from unchained import Unchained

E = TypeVar("E", bound=Event)


class Host:
    """Reads, writes and remembers. ``acknowledges`` off plays a host that has no disk."""

    def __init__(self, port: SerialPort | MqttLine, registry: BoardRegistry, log: Path, listen: float = LISTEN) -> None:
        self._registry = registry
        self._log = log.open("a")
        self.serial = port
        self.session = Session(listen=listen)
        self.resume = Resume()
        self.acknowledges = True
        self.answers_hello = True
        self.took: list[TookReadings] = []
        self.events: list[Event] = []
        self.sent: list[bytes] = []
        self.chain = Unchained()

    def close(self) -> None:
        self.serial.close()
        self._log.close()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if data:
            self._log.write(f"{time.monotonic():.3f} > {data.hex()}\n")
            self.sent.append(data)
            self.serial.write(data)

    def send(self, raw: bytes) -> None:
        """Send one raw frame."""
        self.write(b"\0" + wire(raw))

    def step(self) -> list[Event]:
        """Take what comes within a moment and answer what the session answers."""
        ready, _, _ = select.select([self.serial.fd], [], [], 0.02)
        data = self.serial.read() if ready else b""
        if data:
            self._log.write(f"{time.monotonic():.3f} < {data.hex()}\n")
        self.chain.feed(data)
        assert not self.chain.found, self.chain.found
        events: list[Event] = []
        for event in self.session.receive(data, time.monotonic()):
            events.append(event)
            if isinstance(event, SawHello) and self.answers_hello and event.hello.enrolled:
                self.open(event.hello)
            if isinstance(event, TookReadings):
                self.took.append(event)
                self.resume = event.position
                if self.acknowledges:
                    self.session.acknowledge(event.position.epoch, event.position.seq)
        self.write(self.session.poll(time.monotonic(), events))
        self.events += events
        return events

    def open(self, hello: Hello) -> None:
        self.session.open(hello, self._registry.key(hello.device), self.resume, secrets.token_bytes(16))

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Go on until ``condition``; what was waited for in vain fails the test by its name."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"waited {PATIENCE_S:.0f} s for {what}; last events: {self.events[-5:]}"
            self.step()

    def next(self, kind: type[E], fits: Callable[[E], bool] = lambda _event: True) -> E:
        """The next event of ``kind`` that fits."""
        found: list[E] = []
        end = time.monotonic() + PATIENCE_S
        while not found:
            assert time.monotonic() < end, f"no {kind.__name__} in {PATIENCE_S:.0f} s; last: {self.events[-5:]}"
            found = [event for event in self.step() if isinstance(event, kind) and fits(event)]
        return found[0]

    def hello(self) -> Hello:
        return self.next(SawHello).hello

    def opened(self) -> SessionOpened:
        return self.next(SessionOpened)

    def status(self, fits: Callable[[Status], bool] = lambda _status: True) -> Status:
        return self.next(SawStatus, lambda event: fits(event.status)).status

    def configure(self, channel: int, rate: int) -> SawResult:
        self.session.configure(channel, rate)
        return self.next(SawResult, lambda event: event.channel == channel)

    def values(self, channel: int) -> list[int]:
        """All values taken of ``channel``, in the order of the chain."""
        readings = (reading for event in self.took for reading in event.readings.readings())
        return [reading.value for reading in readings if reading.channel == channel]

    def losses(self) -> int:
        """How many readings the chain says were lost."""
        readings = (reading for event in self.took for reading in event.readings.readings())
        return sum(reading.value for reading in readings if reading.is_loss)
