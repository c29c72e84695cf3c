"""The rows of QCoT Table 2.2 and where they come from: pqm4's benchmark of May 2022 on a Cortex-M4."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources

STEPS = ("keygen", "sign", "verify")


@dataclass(frozen=True)
class Scheme:
    """One row of the table: what runs it here, under which name it was standardised."""

    row: str
    today: str
    provider: str
    module: str


SCHEMES = (
    Scheme("SPHINCS+-SHAKE256-128f-simple", "SLH-DSA-SHAKE-128f", "pqcrypto", "slh_dsa_shake_128f"),
    Scheme("SPHINCS+-SHAKE256-192f-simple", "SLH-DSA-SHAKE-192f", "pqcrypto", "slh_dsa_shake_192f"),
    Scheme("SPHINCS+-SHAKE256-256f-simple", "SLH-DSA-SHAKE-256f", "pqcrypto", "slh_dsa_shake_256f"),
    Scheme("SPHINCS+-SHA256-128f-simple", "SLH-DSA-SHA2-128f", "pqcrypto", "slh_dsa_sha2_128f"),
    Scheme("SPHINCS+-SHA256-192f-simple", "SLH-DSA-SHA2-192f", "pqcrypto", "slh_dsa_sha2_192f"),
    Scheme("SPHINCS+-SHA256-256f-simple", "SLH-DSA-SHA2-256f", "pqcrypto", "slh_dsa_sha2_256f"),
    Scheme("Falcon-512", "Falcon-512", "pqc", "falcon_512"),
    Scheme("Falcon-1024", "Falcon-1024", "pqc", "falcon_1024"),
    Scheme("Dilithium2", "ML-DSA-44", "pqcrypto", "ml_dsa_44"),
    Scheme("Dilithium3", "ML-DSA-65", "pqcrypto", "ml_dsa_65"),
)


def cortex_m4(what: str = "cycles") -> dict[str, list[int]]:
    """Of keygen, sign and verify on a Cortex-M4 (pqm4, May 2022), "cycles" or "stack_bytes", by today's names."""
    records = read("pqm4-2022.csv")
    return {scheme.today: [int(records[scheme.row][f"{step}_{what}"]) for step in STEPS] for scheme in SCHEMES}


def read(file: str) -> dict[str, dict[str, str]]:
    """The records of one of the data files by the scheme's name as it was then."""
    lines = (resources.files("qcot.reproduce") / "data" / file).read_text(encoding="utf-8").splitlines()
    return {each["scheme"]: each for each in csv.DictReader(line for line in lines if not line.startswith("#"))}
