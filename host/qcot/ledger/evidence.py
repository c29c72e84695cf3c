"""One file that proves one reading, or one transaction, with neither network nor home (docs/evidence.md, Evidence)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from qcot.crypto import cbor
from qcot.crypto.merkle import HASH_SIZE
from qcot.crypto.signing import SLH_DSA_SHA2_128S, PublicKey
from qcot.errors import QcotError
from qcot.ledger import checkpoint
from qcot.ledger.checkpoint import MAX_PATH, MAX_SIZE, Proof
from qcot.ledger.problems import BAD_EVIDENCE
from qcot.ledger.transactions import MAX_SIGNATURE
from qcot.link.chain import LINK_SIZE, RECORD_SIZE

FORMAT = "qcot-evidence/v2"
MAX_BYTES = 2 << 20
MAX_CERTIFICATES = 32
MEMBERS = (
    "format", "transaction", "place", "proof", "qblock", "certificates", "root", "anchor"
)  # fmt: skip
"""What the keys 1 to 8 of the map stand for; where the board itself signed for the reading, 9 is that."""
MAX_RECORDS = 220_000
"""Readings between the one that is meant and the checkpoint that covers it: what the file has room for."""


_KEYS, _SIGNED = list(range(1, len(MEMBERS) + 1)), len(MEMBERS) + 1


@dataclass(frozen=True, slots=True)
class Place:
    """Which reading: number ``reading`` of entry ``entry``, from 0; ``link_before`` that frame's first, or None."""

    entry: int
    reading: int
    link_before: bytes | None


@dataclass(frozen=True, slots=True)
class BoardProof:
    """The board's own ``signature`` over its chain, and the ``records`` (9 bytes each) that lead there from the frame.

    What it is over follows: the link after those records, which begin where the frame ends.
    """

    signature: bytes
    records: bytes = b""


@dataclass(frozen=True, slots=True)
class QblockProof:
    """A Qblock header, and the way from its leaf ``index`` to the root of the checkpoint."""

    header: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AnchorProof:
    """An anchor, and the proof that of its tree and the checkpoint's the larger begins with the smaller."""

    statement: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The members of an evidence file; ``place`` is None where the transaction as a whole is meant."""

    transaction: bytes
    place: Place | None
    proof: Proof
    qblock: QblockProof
    certificates: tuple[bytes, ...]
    root: PublicKey
    anchor: AnchorProof | None = None
    signed: BoardProof | None = None

    def encode(self) -> bytes:
        """The file's bytes."""
        place, qblock, anchor = self.place, self.qblock, self.anchor
        values: list[Any] = [
            FORMAT,
            self.transaction,
            place and [place.entry, place.reading, place.link_before],
            str(self.proof),
            [qblock.header, qblock.index, list(qblock.path)],
            list(self.certificates),
            [self.root.algorithm.name, self.root.raw],
            anchor and [anchor.statement, list(anchor.path)],
        ]
        if self.signed is not None:
            values.append([self.signed.signature, self.signed.records])
        return cbor.encode(dict(enumerate(values, 1)))


def parse(data: bytes) -> Evidence:
    """Read an evidence file; raises `bad-evidence` or `bad-cbor`, or by name for the proof in it."""
    members = cbor.decode(data, max_bytes=MAX_BYTES)
    if not isinstance(members, dict) or members.get(1) != FORMAT:
        _refuse(f"not a map that begins with {FORMAT}")
    if list(members) not in (_KEYS, [*_KEYS, _SIGNED]):
        _refuse(f"members must be those of the keys 1 to {len(MEMBERS)}, or to 9, and no other")
    _, transaction, place, proof, qblock, certificates, root, anchor, *signed = members.values()
    if not isinstance(transaction, bytes) or not isinstance(proof, str):
        _refuse("transaction must be bytes and proof text")
    if not _all_bytes(certificates) or len(certificates) > MAX_CERTIFICATES:
        _refuse(f"certificates must be an array of at most {MAX_CERTIFICATES} byte strings")
    return Evidence(
        transaction, _place(place), checkpoint.parse_proof(proof), _qblock(qblock), tuple(certificates), _root(root),
        _anchor(anchor), _signed(signed[0]) if signed else None,
    )  # fmt: skip


def _place(value: Any) -> Place | None:
    match value:
        case None:
            return None
        case [int(entry), int(reading), link] if min(entry, reading) >= 0 and (
            link is None or (isinstance(link, bytes) and len(link) == LINK_SIZE)
        ):
            return Place(entry, reading, link)
    _refuse(f"place must be null, or entry, reading and a link of {LINK_SIZE} bytes or null")


def _qblock(value: Any) -> QblockProof:
    match value:
        case [bytes(header), int(index), list(path)] if 0 <= index < MAX_SIZE:
            return QblockProof(header, index, _path(path))
    _refuse("qblock must be a header, its leaf index and a path")


def _root(value: Any) -> PublicKey:
    algorithm = SLH_DSA_SHA2_128S
    match value:
        case [algorithm.name, bytes(raw)] if len(raw) == algorithm.public_key_size:
            return PublicKey(algorithm, raw)
    _refuse(f"root must be {algorithm.name} and its key of {algorithm.public_key_size} bytes")


def _anchor(value: Any) -> AnchorProof | None:
    match value:
        case None:
            return None
        case [bytes(statement), list(path)]:
            return AnchorProof(statement, _path(path))
    _refuse("anchor must be null, or a statement and a path")


def _signed(value: Any) -> BoardProof:
    match value:
        case [bytes(signature), bytes(records)] if (
            1 <= len(signature) <= MAX_SIGNATURE and len(records) % RECORD_SIZE == 0
            and len(records) <= MAX_RECORDS * RECORD_SIZE
        ):  # fmt: skip
            return BoardProof(signature, records)
    _refuse(f"signed must be a signature and at most {MAX_RECORDS} records of {RECORD_SIZE} bytes")


def _path(value: list[Any]) -> tuple[bytes, ...]:
    if len(value) > MAX_PATH or not _all_bytes(value) or any(len(each) != HASH_SIZE for each in value):
        _refuse(f"a path must have at most {MAX_PATH} hashes of {HASH_SIZE} bytes")
    return tuple(value)


def _all_bytes(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, bytes) for each in value)


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_EVIDENCE, reason)
