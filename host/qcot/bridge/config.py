"""What a bridge has to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qcot.bridge.intake import Limits
from qcot.channel.sealer import Sealing
from qcot.crypto import keyfile
from qcot.crypto.signing import ML_DSA_65, PublicKey, SigningKey
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
    """``key`` is ML-DSA-65, ``gateway`` ML-DSA-44.

    ``home`` holds keys/boards, boards, certificates, bridge/outbox.sqlite and bridge/submissions, and keys/bridge.seed
    and keys/bridge.next.seed where the key is to be rotated.

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
    checkpoint_every: int = 0
    """After how many readings a board that has a certified key of its own signs its chain; 0 is never."""
    gateway_name: str = "gateway"
    sealing: Sealing | None = None
    """How the keys come about under which transactions are sealed; None sends them as they are."""

    @property
    def outbox(self) -> Path:
        """The outbox's file."""
        return self.home / "bridge" / "outbox.sqlite"

    @property
    def seed(self) -> Path:
        """Where the key's seed is, unless a service manager gives it."""
        return self.home / "keys" / "bridge.seed"

    @property
    def next_seed(self) -> Path:
        """Where the seed of the key that is to take its place is."""
        return self.home / "keys" / "bridge.next.seed"

    def next_key(self) -> SigningKey | None:
        """The key that is to take the place of ``key``, if there is one; raises `key-file-...`."""
        return SigningKey(ML_DSA_65, keyfile.load(self.next_seed)) if self.next_seed.exists() else None

    @property
    def patterns(self) -> tuple[str, ...]:
        """``ports`` with ``auto`` spelt out."""
        return tuple(each for port in self.ports for each in (AUTO_PORTS if port == "auto" else (port,)))

    def rates_of(self, device: bytes) -> dict[str, float]:
        """What is wished for ``device``: its own rates over those of every board."""
        return {**self.rates.get("*", {}), **self.rates.get(device.hex(), {})}
