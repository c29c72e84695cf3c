"""What a gateway is told when it starts."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from qcot.channel.opener import Unsealing
from qcot.crypto.signing import ML_DSA_44, PublicKey, SigningKey
from qcot.errors import QcotError
from qcot.gateway.limits import Limits
from qcot.gateway.problems import BAD_CONFIG
from qcot.ledger.trust import Trust
from qcot.mqtt import TlsFiles, level
from qcot.quantum.backends import require_shots


def random_seed() -> int:
    """A seed of 63 bits for one local check; the Qblock records it, so anybody can run the same check again."""
    return secrets.randbits(63)


@dataclass(frozen=True)
class GatewayConfig:
    """One gateway: ``key`` (ML-DSA-44) signs receipts and checkpoints.

    ``authority`` is the root key that all trust starts from, ``certificates`` the gateway's own chain, issuer first.

    A Qblock closes every ``interval_s`` seconds, or at ``max_transactions``, if there is at least one transaction.
    ``backend`` runs its quantum part, by the name that `qcot.quantum.backends.named_backend` takes.
    """

    site: str
    name: str
    origin: str
    ledger: Path
    key: SigningKey
    authority: PublicKey
    certificates: tuple[bytes, ...]
    host: str = "127.0.0.1"
    port: int = 1883
    tls: TlsFiles | None = None
    interval_s: float = 10.0
    max_transactions: int = 4096
    shots: int = 1024
    backend: str = "ideal"
    seed: Callable[[], int] = random_seed
    limits: Limits = field(default_factory=Limits)
    unsealing: Unsealing | None = None
    """How the keys come about under which transactions are sealed; None takes them unsealed only."""

    @property
    def trust(self) -> Trust:
        """The root and what is known from outside the log."""
        return Trust(self.authority, self.site, self.certificates)

    @property
    def validation_keys(self) -> Path:
        """The folder with the keys that validate the bookkeeper, beside the ledger."""
        return self.ledger.with_name("validation")

    def __post_init__(self) -> None:
        """Refuse, before anything is opened, what could not work.

        Raises `mqtt-bad-level`, `quantum-shots` or `gateway-config`.
        """
        require_shots(self.shots)
        for name in (self.site, self.name):
            level(name)
        wrong = [
            text
            for text, bad in (
                ("key is not ML-DSA-44", self.key.algorithm != ML_DSA_44),
                (f"interval is {self.interval_s} s", not self.interval_s > 0),
                (f"{self.max_transactions} transactions for a Qblock", self.max_transactions < 1),
            )
            if bad
        ]
        if wrong:
            raise QcotError(BAD_CONFIG, "; ".join(wrong))
