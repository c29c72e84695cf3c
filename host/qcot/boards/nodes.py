"""What a host keeps of a board's own key: the leaves of its tree, and the proof that the board has the key.

All of it is public, and all of it can be had from the board again: the leaves at seconds apiece, the proof for a leaf.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qcot.crypto import keyfile
from qcot.crypto.lms import PARAMETERS, Parameters, Tree
from qcot.errors import Problem, QcotError
from qcot.link.signer import Phase

NODES_IO = Problem("signer-nodes-io", "Free some space, or see who may write the home's boards folder.")
MAGIC = b"qcot/lv1"
_HEAD = struct.Struct("<8s8sH16s")
_INDEX = struct.Struct("<I")
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class KeyName:
    """Which key of which board: ``types`` are the eight bytes of its parameter sets (RFC 8554 section 5.3)."""

    device: bytes
    types: bytes
    generation: int
    identifier: bytes

    @property
    def parameters(self) -> Parameters:
        """Its parameter sets."""
        return PARAMETERS[self.types]

    def public_key(self, root: bytes) -> bytes:
        """Its public key."""
        return self.types + self.identifier + root


class NodeStore:
    """The leaves of one key in ``folder``/DEVICE.GENERATION.leaves, each on disk when :meth:`add` returns.

    The file is only appended to: a head that names the key, then index, leaf and CRC of each. What a power cut or the
    disk left damaged is no leaf; it is asked of the board again. So is all of a file that is not this key's. Beside a
    new file at most one of another key of the board stays.
    """

    def __init__(self, folder: Path, name: KeyName) -> None:
        self.name = name
        self.path = folder / f"{name.device.hex()}.{name.generation}.leaves"
        self._head = _sealed(_HEAD.pack(MAGIC, name.types, name.generation, name.identifier))
        self._record = _INDEX.size + name.parameters.n + _CRC.size
        self._leaves: dict[int, bytes] = {}
        self._lines = 0
        self.damaged = 0
        """How many leaves, or heads, were there and could not be read."""
        self._named(self._load)

    def __len__(self) -> int:
        return len(self._leaves)

    def get(self, index: int) -> bytes | None:
        """The leaf, if it is here."""
        return self._leaves.get(index)

    def missing(self, end: int) -> int | None:
        """The first leaf before ``end`` that is not here."""
        return next((index for index in range(end) if index not in self._leaves), None)

    def add(self, index: int, leaf: bytes) -> None:
        """Keep a leaf: on disk when this returns. Raises QcotError `signer-nodes-io`."""
        if not 0 <= index < self.name.parameters.leaves or len(leaf) != self.name.parameters.n:
            raise ValueError(f"leaf {index} of {len(leaf)} bytes")
        if self._leaves.get(index) == leaf:
            return
        self._named(lambda: self._append(index, leaf))
        self._leaves[index] = leaf

    def clear(self) -> None:
        """Forget all leaves: they are not those of this key. Raises QcotError `signer-nodes-io`."""
        self._leaves.clear()
        self._named(self._write_anew)

    def tree(self) -> Tree | None:
        """The whole tree, once all leaves are here."""
        leaves = [self._leaves.get(index) for index in range(self.name.parameters.leaves)]
        whole = [leaf for leaf in leaves if leaf is not None]
        return Tree(self.name.parameters, self.name.identifier, whole) if len(whole) == len(leaves) else None

    def _load(self) -> None:
        most = len(self._head) + 2 * self.name.parameters.leaves * self._record
        try:
            with self.path.open("rb") as file:
                held = file.read(most + 1)
        except FileNotFoundError:
            self._write_anew()
            forget_others(self.path.parent, self.name.device, self.name.generation, but=1)
            return
        head, body = held[: len(self._head)], held[len(self._head) :]
        if head != self._head:
            self.damaged = 1
            self._write_anew()
            return
        for at in range(0, len(body), self._record):
            found = body[at : at + self._record]
            index = int.from_bytes(found[: _INDEX.size], "little")
            whole = len(found) == self._record and _sealed(found[: -_CRC.size]) == found
            if whole and index < self.name.parameters.leaves:
                self._leaves[index] = found[_INDEX.size : -_CRC.size]
            else:
                self.damaged += 1
        self._lines = len(body) // self._record
        if self.damaged or len(held) > most:
            self._write_anew()

    def _append(self, index: int, leaf: bytes) -> None:
        if self._lines >= 2 * self.name.parameters.leaves:
            self._write_anew()
        with self.path.open("ab") as file:
            file.write(_sealed(_INDEX.pack(index) + leaf))
            file.flush()
            os.fsync(file.fileno())
        self._lines += 1

    def _write_anew(self) -> None:
        rows = (_sealed(_INDEX.pack(index) + leaf) for index, leaf in sorted(self._leaves.items()))
        part = self.path.with_suffix(".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(self._head + b"".join(rows))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        keyfile.sync_folder(self.path.parent)
        self._lines = len(self._leaves)

    def _named(self, call: Callable[[], None]) -> None:
        try:
            call()
        except OSError as error:
            raise QcotError(NODES_IO, f"{self.path}: {error.strerror}") from error


def forget_others(folder: Path, device: bytes, generation: int, *, but: int = 0) -> None:
    """Remove the leaves of all keys of ``device`` but that of ``generation`` and the ``but`` newest; raises OSError.

    A board signs with one key at a time, and what a key signed is whole without its leaves.
    """
    own = f"{device.hex()}.{generation}."
    others = [each for each in folder.glob(f"{device.hex()}.*.*") if not each.name.startswith(own)]
    for each in sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)[but:]:
        each.unlink()


def _sealed(data: bytes) -> bytes:
    return data + _CRC.pack(zlib.crc32(data))


@dataclass(frozen=True, slots=True)
class KeyProof:
    """A checkpoint of the board's chain that its key signed: whoever can do that has the key."""

    epoch: int
    seq: int
    link: bytes
    signature: bytes

    @classmethod
    def of(cls, members: dict[str, Any]) -> KeyProof:
        """From its members on disk."""
        link, signature = (bytes.fromhex(members[name]) for name in ("link", "signature"))
        return cls(int(members["epoch"]), int(members["seq"]), link, signature)


@dataclass(frozen=True, slots=True)
class SignerState:
    """How a board's own key stood when it was heard last; ``done`` of ``total`` leaves are computed, or used.

    ``public`` is the public key (RFC 8554 section 5.3), and ``proof`` a signature with it, once there are such.
    """

    phase: Phase
    generation: int
    done: int
    total: int
    public: bytes | None = None
    proof: KeyProof | None = None

    def to_json(self) -> str:
        """The record as it is on disk."""
        return json.dumps(asdict(self), indent=1, default=bytes.hex)

    @classmethod
    def from_json(cls, text: bytes) -> SignerState:
        """From the record on disk; raises ValueError."""
        try:
            members: dict[str, Any] = json.loads(text)
            proof, public = members["proof"], members["public"]
            return cls(
                phase=Phase(members["phase"]),
                generation=int(members["generation"]),
                done=int(members["done"]),
                total=int(members["total"]),
                public=None if public is None else bytes.fromhex(public),
                proof=None if proof is None else KeyProof.of(proof),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from error
