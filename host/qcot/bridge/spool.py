"""Statements that other commands hand to the bridge, which puts each on the ledger: HOME/bridge/submissions."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from qcot.crypto.keyfile import sync_folder


def folder(home: Path) -> Path:
    """Where submissions wait, as HASH.cbor."""
    return home / "bridge" / "submissions"


def submit(home: Path, statement: bytes) -> bytes:
    """Hand over a statement, on disk when this returns; gives its SHA-256. Again, it is the same file."""
    digest = hashlib.sha256(statement).digest()
    place = folder(home)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = place / f".{digest.hex()}.{os.getpid()}.part"
    with part.open("wb") as file:
        file.write(statement)
        file.flush()
        os.fsync(file.fileno())
    part.replace(place / f"{digest.hex()}.cbor")
    sync_folder(place)
    return digest


def refuse(home: Path, statement: bytes, why: str) -> None:
    """Keep a statement that the gateway refused, with its name and reason."""
    place, digest = folder(home) / "refused", hashlib.sha256(statement).hexdigest()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / f"{digest}.cbor").write_bytes(statement)
    (place / f"{digest}.txt").write_text(f"{why}\n", encoding="utf-8")


def refusal(home: Path, digest: bytes) -> str | None:
    """The name and reason for which the gateway refused the statement with this hash, if it did."""
    file = folder(home) / "refused" / f"{digest.hex()}.txt"
    return file.read_text(encoding="utf-8").strip() if file.exists() else None


def forget_refusal(home: Path, digest: bytes) -> None:
    """It was taken after all."""
    for kind in ("cbor", "txt"):
        (folder(home) / "refused" / f"{digest.hex()}.{kind}").unlink(missing_ok=True)
