"""One enrolled board on its line, served by the smallest host there is."""

from __future__ import annotations

import secrets
import select
import time
from pathlib import Path
from types import TracebackType

from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.link.events import Resume, SawHello, SawResult, TookReadings
from qcot.link.session import Session
from qcot.link.transport import SerialPort


class Line:
    """Enrols the board at ``port`` and acknowledges what it sends."""

    def __init__(self, port: str, folder: Path) -> None:
        self._registry = BoardRegistry(folder / "home")
        enroll(port, self._registry)
        self._serial = SerialPort(port)
        self._session = Session()
        self._position = Resume()
        self._answers = 0
        self._lost = 0

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._serial.close()

    def sample(self, channel: int, rate: int) -> None:
        """Have ``channel`` sampled at ``rate`` mHz."""
        while self._session.device is None:
            self.serve(0.05)
        answers = self._answers
        self._session.configure(channel, rate)
        while self._answers == answers:
            self.serve(0.05)

    def lost(self) -> int:
        """Readings that the chain says were given up."""
        return self._lost

    def serve(self, seconds: float) -> None:
        """Take and acknowledge for a while."""
        end = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self._serial.fd], [], [], 0.01)
            for event in self._session.receive(self._serial.read() if ready else b"", time.monotonic()):
                match event:
                    case SawHello(hello=hello):
                        key = self._registry.key(hello.device)
                        self._session.open(hello, key, self._position, secrets.token_bytes(16))
                    case TookReadings(readings=readings, position=position):
                        self._position = position
                        self._session.acknowledge(position.epoch, position.seq)
                        self._lost += sum(each.value for each in readings.readings() if each.is_loss)
                    case SawResult():
                        self._answers += 1
                    case _:
                        pass
            self._serial.write(self._session.poll(time.monotonic()))
            if time.monotonic() >= end:
                return
