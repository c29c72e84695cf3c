"""What a bridge has to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qcot.bridge.intake import Limits
from qcot.channel.sealer import Sealing
from qcot.crypto.signing import PublicKey, SigningKey
from qcot.link.session import LISTEN
from qcot.mqtt import TlsFiles

AUTO_PORTS = ("/dev/serial/by-id/*", "/dev/ttyACM*", "/dev/ttyUSB*")

Rates = Mapping[str, Mapping[str, float]]
"""Device id in hex, or ``*`` for every board, to channel name to readings a second."""


@dataclass(frozen=True)
class Broker:
    """Where the broker is, and how to prove oneself to it."""

    host: str
    port: int
    tls: TlsFiles | None = None
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True)
class BridgeConfig:
    """``home`` holds keys/boards, boards and bridge/outbox.sqlite; ``key`` is ML-DSA-65, ``gateway`` ML-DSA-44.

    ``ports`` are paths or patterns; ``auto`` stands for all of a machine's USB serial ports.
    """

    site: str
    name: str
    policy: str
    home: Path
    key: SigningKey
    gateway: PublicKey
    broker: Broker
    ports: tuple[str, ...] = ("auto",)
    rates: Rates = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    listen_s: float = LISTEN
    """How long a port is only listened to after it was opened; 0 where no board has a bootloader."""
    gateway_name: str = "gateway"
    sealing: Sealing | None = None
    """How the keys come about under which transactions are sealed; None sends them as they are."""

    @property
    def outbox(self) -> Path:
        """The outbox's file."""
        return self.home / "bridge" / "outbox.sqlite"

    @property
    def patterns(self) -> tuple[str, ...]:
        """``ports`` with ``auto`` spelt out."""
        return tuple(each for port in self.ports for each in (AUTO_PORTS if port == "auto" else (port,)))

    def rates_of(self, device: bytes) -> dict[str, float]:
        """What is wished for ``device``: its own rates over those of every board."""
        return {**self.rates.get("*", {}), **self.rates.get(device.hex(), {})}
