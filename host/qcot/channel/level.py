"""How the key of an epoch comes about: an ML-KEM exchange, and where it is switched on a QKD key besides."""

from __future__ import annotations

from dataclasses import dataclass

from qcot.crypto.kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024, Kem


@dataclass(frozen=True, slots=True)
class Level:
    """Both ends demand theirs: neither takes another, be it lower or higher."""

    kem: Kem
    qkd: bool = False

    @property
    def name(self) -> str:
        """As it stands in messages: ``ML-KEM-768``, ``ML-KEM-768+QKD``."""
        return self.kem.name + ("+QKD" if self.qkd else "")


KEMS = {kem.name: kem for kem in (ML_KEM_512, ML_KEM_768, ML_KEM_1024)}
LEVELS = {level.name: level for kem in KEMS.values() for level in (Level(kem), Level(kem, qkd=True))}
