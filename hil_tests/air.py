"""A broker in the place of the cable, and the host's end of it."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from patience import PATIENCE_S
from qcot.boards.emulator import Network
from qcot.bridge.mqtt_lines import SCHEME, MqttLine, MqttLines
from qcot.broker import Mosquitto
from qcot.link.problems import LINE_AWAY, LinkError
from qcot.mqtt import MqttLink

SITE, BRIDGE = "home", "bridge"


class Air:
    """Mosquitto, and what a bridge opens lines with."""

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder)
        self.broker.start()
        self._link = MqttLink(self.broker.host, self.broker.port, "host", back_off_s=(0.1, 0.3))
        self.refused: list[str] = []
        self.lines = MqttLines(
            self._link, SITE, BRIDGE, (f"{SCHEME}*",), lambda _where, _problem, reason: self.refused.append(reason)
        )
        self._link.start()

    def network(self) -> Network:
        """What a board is told of it, under a name that no other board has."""
        return Network(f"{self.broker.host}:{self.broker.port}", f"board-{secrets.token_hex(4)}", SITE, BRIDGE)

    def open(self, name: str) -> MqttLine:
        """The line to a board, once it is there."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.lines.open(SCHEME + name)
            except LinkError as error:
                if error.problem is not LINE_AWAY or time.monotonic() > end:
                    raise
            time.sleep(0.02)

    def close(self) -> None:
        """End all of it."""
        self._link.stop(flush_s=0)
        self.broker.stop()
