"""What the gateway answers to transactions (docs/evidence.md, Receipt)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NoReturn, TypeGuard

from qcot.crypto import cbor, cose
from qcot.crypto.signing import ML_DSA_44, PublicKey, SigningKey
from qcot.errors import QcotError
from qcot.ledger.problems import BAD_RECEIPT
from qcot.ledger.transactions import HASH_SIZE, MAX_UINT

KIND = cose.Kind(ML_DSA_44, "application/vnd.qcot.receipt+cbor", b"qcot/receipt/v1", with_policy=False)
VERSION = 1
MAX_ANSWERS = 2048
_MAX_NAME, _MAX_REASON = 64, 1024
_VERSION, _SITE, _BRIDGE, _TIME, _NEXT, _ANSWERS = range(1, 7)


class Status(IntEnum):
    """What a bridge does next: deletes the transaction, keeps it aside, or sends it again."""

    ACCEPTED = 0
    REFUSED = 1
    LATER = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """The gateway's word on one transaction: ``leaf`` is its index in the log, only where it was accepted."""

    hash: bytes
    sequence: int
    status: Status
    leaf: int | None
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A parsed receipt for ``bridge``: ``time`` in ms, ``next_sequence`` is what the gateway wants next."""

    site: str
    bridge: str
    time: int
    next_sequence: int
    answers: tuple[Answer, ...]
    signed: cose.Sign1

    def verify(self, key: PublicKey) -> None:
        """Raise QcotError `bad-signature` unless the gateway's ``key`` signed these bytes."""
        self.signed.verify(key)


def build(
    key: SigningKey, *, site: str, bridge: str, time: int, next_sequence: int, answers: Sequence[Answer]
) -> bytes:
    """Sign a receipt. Raises QcotError `bad-receipt` for anything that :func:`parse` would refuse."""
    payload = {
        _VERSION: VERSION,
        _SITE: site,
        _BRIDGE: bridge,
        _TIME: time,
        _NEXT: next_sequence,
        _ANSWERS: [[a.hash, a.sequence, int(a.status), a.leaf, a.name, cut(a.reason)] for a in answers],
    }
    _payload(payload)
    return cose.sign(key, KIND, cbor.encode(payload))


def cut(reason: str) -> str:
    """As much of a reason as a receipt takes: it may quote what somebody sent."""
    return reason.encode()[:_MAX_REASON].decode(errors="ignore")


def parse(raw: bytes) -> Receipt:
    """Take a receipt apart without verifying its signature; raises `bad-cbor`, `bad-cose` or `bad-receipt`."""
    signed = cose.parse(raw, KIND)
    site, bridge, time, wanted, answers = _payload(cbor.decode(signed.payload))
    return Receipt(site, bridge, time, wanted, answers, signed)


def _payload(payload: Any) -> tuple[str, str, int, int, tuple[Answer, ...]]:
    if not isinstance(payload, dict) or list(payload) != list(range(_VERSION, _ANSWERS + 1)):
        _refuse("payload must be a map of the keys 1 to 6")
    version, site, bridge, time, wanted, answers = payload.values()
    if version != VERSION:
        _refuse(f"version {version!r}, this program knows {VERSION}")
    for what, name in (("site", site), ("bridge", bridge)):
        if not isinstance(name, str) or not cose.NAME.fullmatch(name):
            _refuse(f"{what} {name!r} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
    if not _is_uint(time) or not _is_uint(wanted) or wanted == 0:
        _refuse(f"time {time!r} or next sequence {wanted!r} out of range")
    if not isinstance(answers, list) or len(answers) > MAX_ANSWERS:
        _refuse(f"answers must be an array of at most {MAX_ANSWERS}")
    return site, bridge, time, wanted, tuple(_answer(item, at) for at, item in enumerate(answers))


def _answer(item: Any, at: int) -> Answer:
    match item:
        case [bytes(digest), int(sequence), 0 | 1 | 2 as status, leaf, str(name), str(reason)] if (
            len(digest) == HASH_SIZE
            and _is_uint(sequence)
            and (_is_uint(leaf) if status == Status.ACCEPTED else leaf is None)
            and len(name) <= _MAX_NAME
            and len(reason) <= _MAX_REASON
        ):
            return Answer(digest, sequence, Status(status), leaf, name, reason)
    _refuse(f"answer {at} is not hash, sequence, status, leaf, name and reason")


def _is_uint(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_UINT


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_RECEIPT, reason)
