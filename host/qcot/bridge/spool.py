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
