"""The boards that a bridge knows: one key file each (mode 0600), proof that the board has it, and one public record.

A key without a record belongs to an enrolment that did not end: it's kept, since the board may have stored it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from qcot.boards.nodes import NODES_IO, SignerState
from qcot.crypto import keyfile
from qcot.errors import Problem, QcotError
from qcot.link.keys import CHALLENGE_SIZE, DEVICE_SIZE
from qcot.link.messages import Channel

PROOF_ROOM = 16 * 1024
"""Bytes on disk for how a key stands, with its proof: the longest signature in hex is 9 KB."""
BAD_RECORD = Problem("bad-board-record", "Restore the file from a backup, or erase the board and enrol it again.")


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A physical value is ``(value + offset) * num / den`` in ``unit`` (SenML, RFC 8428)."""

    name: str
    unit: str
    num: int
    den: int
    offset: int

    @classmethod
    def of(cls, channel: Channel) -> ChannelInfo:
        """What of a CHANNEL message stays the same."""
        return cls(channel.name, channel.unit, channel.num, channel.den, channel.offset)


@dataclass(frozen=True, slots=True)
class EnrolledBoard:
    """What is public of an enrolled board; ``device`` is 8 bytes, ``image`` 32, ``channels`` in their order."""

    device: bytes
    model: str
    firmware: tuple[int, int, int]
    image: bytes
    channels: tuple[ChannelInfo, ...]

    def to_json(self) -> str:
        """The record as it is on disk."""
        members = asdict(self) | {"device": self.device.hex(), "image": self.image.hex()}
        return json.dumps(members, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> EnrolledBoard:
        """From the record on disk; raises QcotError `bad-board-record`."""
        try:
            members: dict[str, Any] = json.loads(text)
            channels = tuple(
                ChannelInfo(str(c["name"]), str(c["unit"]), int(c["num"]), int(c["den"]), int(c["offset"]))
                for c in members["channels"]
            )
            major, minor, patch = (int(part) for part in members["firmware"])
            device, image = bytes.fromhex(members["device"]), bytes.fromhex(members["image"])
            model = str(members["model"])
        except (ValueError, KeyError, TypeError) as error:
            raise QcotError(BAD_RECORD, f"not a board's record: {error!r}") from error
        if len(device) != DEVICE_SIZE or len(image) != 32 or not all(0 <= n <= 255 for n in (major, minor, patch)):
            raise QcotError(BAD_RECORD, "device, image or firmware has the wrong size")
        return cls(device, model, (major, minor, patch), image, channels)


@dataclass(frozen=True, slots=True)
class Proof:
    """Proof of possession: the raw ENROLLED ``frame``, COBS removed, that answered ``challenge`` (16 bytes)."""

    challenge: bytes
    frame: bytes


class BoardRegistry:
    """Keys and proofs in ``home``/keys/boards, records in ``home``/boards; all named by the device id in hex."""

    def __init__(self, home: Path) -> None:
        self._keys = home / "keys" / "boards"
        self._records = home / "boards"
        self.nodes = self._records
        """The folder for the leaves of boards' own keys."""

    def draw(self) -> tuple[bytes, bytes]:
        """A new device id and its K_device, on disk before this returns."""
        self._keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        device = secrets.token_bytes(DEVICE_SIZE)
        while not any(device):
            device = secrets.token_bytes(DEVICE_SIZE)
        key = keyfile.create(self.key_path(device))
        keyfile.sync_folder(self._keys.parent)
        return device, key

    def key_path(self, device: bytes) -> Path:
        """Where the key of ``device`` is, if it is known."""
        return self._keys / f"{device.hex()}.key"

    def has_key(self, device: bytes) -> bool:
        """Whether this bridge ever drew a key for ``device``."""
        return self.key_path(device).exists()

    def key(self, device: bytes) -> bytes:
        """K_device; raises QcotError `key-file-...`."""
        return keyfile.load(self.key_path(device))

    def keep_proof(self, device: bytes, proof: Proof) -> None:
        """Write the board's proof of possession, which the authority is shown."""
        write_whole(self._proof_path(device), proof.challenge + proof.frame)

    def proof(self, device: bytes) -> Proof | None:
        """The proof of possession of ``device``, or None where none was kept."""
        try:
            held = self._proof_path(device).read_bytes()
        except FileNotFoundError:
            return None
        return Proof(held[:CHALLENGE_SIZE], held[CHALLENGE_SIZE:])

    def record(self, board: EnrolledBoard) -> None:
        """Write the public record, whole or not at all: the enrolment has ended."""
        write_whole(self._record_path(board.device), (board.to_json() + "\n").encode())

    def board(self, device: bytes) -> EnrolledBoard | None:
        """The record of ``device``, or None when it is not enrolled here; raises QcotError `bad-board-record`."""
        try:
            text = self._record_path(device).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise QcotError(BAD_RECORD, f"{self._record_path(device)}: {error}") from error
        board = EnrolledBoard.from_json(text)
        if board.device != device:
            raise QcotError(BAD_RECORD, f"{self._record_path(device)} is of board {board.device.hex()}")
        return board

    def keep_signer(self, device: bytes, state: SignerState) -> None:
        """Write how the board's own key stands; a proof that was kept for the same key stays.

        Raises QcotError `signer-nodes-io`.
        """
        held = self.signer(device)
        if state.proof is None and held is not None and held.public == state.public:
            state = replace(state, proof=held.proof)
        with _named(file := self._signer_path(device)):
            write_whole(file, (state.to_json() + "\n").encode())

    def require_room(self, device: bytes) -> None:
        """See that a proof could be written now: it costs a leaf, so none is asked for that would be lost.

        Raises QcotError `signer-nodes-io`.
        """
        with _named(file := self._signer_path(device).with_suffix(".room")):
            write_whole(file, bytes(PROOF_ROOM))
            file.unlink()

    def signer(self, device: bytes) -> SignerState | None:
        """How the board's own key stood when it was heard last; None where it has none, or the file can't be read."""
        try:
            return SignerState.from_json(self._signer_path(device).read_bytes())
        except (OSError, ValueError):
            return None

    def boards(self) -> list[EnrolledBoard]:
        """All enrolled boards, by device id."""
        found = []
        for path in sorted(self._records.glob("*.json")):
            try:
                board = self.board(bytes.fromhex(path.stem))
            except ValueError:
                continue
            if board:
                found.append(board)
        return found

    def _record_path(self, device: bytes) -> Path:
        return self._records / f"{device.hex()}.json"

    def _signer_path(self, device: bytes) -> Path:
        return self._records / f"{device.hex()}.signer"

    def _proof_path(self, device: bytes) -> Path:
        return self._keys / f"{device.hex()}.proof"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise QcotError(NODES_IO, f"{path}: {error.strerror}") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all and on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    keyfile.sync_folder(path.parent)
