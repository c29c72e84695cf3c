"""Requests for a certificate (docs/certificates.md, Request).

A key asks for itself: its own signature proves that the asker has it. A bridge asks for a board, with K_device and the
ENROLLED frame in which the board proved that it has it; such a request is sealed to the authority's ML-KEM-768 key.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, NoReturn

from qcot.certificates import claims, possession
from qcot.certificates.claims import Channel, LogClaims, Role
from qcot.certificates.envelope import MAX_STATEMENT, Form
from qcot.certificates.possession import SigningBoard
from qcot.certificates.problems import BAD_REQUEST, REQUEST_FOR_ANOTHER, REQUEST_FORGED
from qcot.crypto import cbor, cose, hpke
from qcot.crypto.kem import KemKey, KemPublicKey
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, ML_DSA_87, PublicKey, SigningKey
from qcot.errors import QcotError

CONTENT_TYPE = "application/vnd.qcot.request+cbor"
FORM = Form.of(CONTENT_TYPE, b"qcot/request/v1", ML_DSA_44, ML_DSA_65, ML_DSA_87)
VERSION = 1
NONCE_SIZE = CHALLENGE_SIZE = 16
KEY_SIZE = 32
MAX_FRAME = 254
MAX_SEALED = MAX_STATEMENT + 2048
_INFO = b"qcot/request/v1"
_FIRST_OF_SIGN1 = 0xD2
_KEYS = list(range(1, 10))
_BOARD_KEYS = list(range(1, 15))


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A parsed request of ``key`` for itself; ``time`` POSIX seconds. ``hash`` is that of ``raw``."""

    role: Role
    site: str
    name: str
    time: int
    key: PublicKey
    policy: str | None
    log: LogClaims | None
    signed: cose.Sign1
    raw: bytes
    hash: bytes

    def verify(self) -> None:
        """Proof of possession: raise QcotError `request-forged` unless ``key`` itself signed these bytes."""
        _verify(self.signed, self.key, f"{self.role} {self.name}")


@dataclass(frozen=True, slots=True)
class BoardRequest:
    """A parsed request of a bridge, kid ``bridge``, for the board ``device``.

    ``device_key`` is K_device; ``frame`` the raw ENROLLED frame that answered ``challenge``, with CRC, COBS removed;
    ``lms`` the board's own key, where it has one, with the proof that it has.
    """

    site: str
    device: bytes
    time: int
    device_key: bytes
    policy: str | None
    challenge: bytes
    frame: bytes
    model: str
    firmware: bytes
    channels: tuple[Channel, ...]
    lms: SigningBoard | None
    bridge: bytes
    signed: cose.Sign1
    raw: bytes
    hash: bytes

    def verify(self, bridge: PublicKey) -> None:
        """Raise QcotError `request-forged` unless the ``bridge`` signed these bytes."""
        _verify(self.signed, bridge, f"board {self.device.hex()}")

    def __repr__(self) -> str:
        """Never K_device."""
        return f"BoardRequest(site={self.site!r}, device={self.device.hex()}, bridge={self.bridge.hex()})"


def for_key(
    key: SigningKey,
    *,
    role: Role,
    site: str,
    name: str,
    time: int,
    policy: str | None = None,
    log: LogClaims | None = None,
) -> bytes:
    """A request of ``key`` for itself; raises QcotError `bad-request` for what :func:`parse` would refuse."""
    raw = FORM.sign(key, {
        1: VERSION, 2: str(role), 3: site, 4: name, 5: time, 6: secrets.token_bytes(NONCE_SIZE),
        7: claims.key_to_cbor(key.public_key), 8: policy, 9: None if log is None else claims.log_to_cbor(log),
    })  # fmt: skip
    parse(raw)
    return raw


def for_board(
    bridge: SigningKey,
    *,
    site: str,
    device: bytes,
    time: int,
    device_key: bytes,
    challenge: bytes,
    frame: bytes,
    model: str,
    firmware: bytes,
    channels: tuple[Channel, ...],
    lms: SigningBoard | None = None,
    policy: str | None = None,
) -> bytes:
    """A request of ``bridge`` for a board, not sealed yet; raises QcotError `bad-request`."""
    raw = FORM.sign(bridge, {
        1: VERSION, 2: str(Role.BOARD), 3: site, 4: device.hex(), 5: time, 6: secrets.token_bytes(NONCE_SIZE),
        7: device_key, 8: policy, 9: challenge, 10: frame, 11: model, 12: firmware,
        13: claims.channels_to_cbor(channels), 14: None if lms is None else lms.to_cbor(),
    })  # fmt: skip
    parse(raw)
    return raw


def parse(raw: bytes) -> KeyRequest | BoardRequest:
    """Take a request apart, nothing verified; raises QcotError `bad-cbor`, `bad-cose` or `bad-request`."""
    signed, payload = FORM.parse(raw)
    try:
        return _parse(raw, signed, payload)
    except QcotError as error:
        raise QcotError(BAD_REQUEST, error.reason) from error
    except ValueError as error:
        raise QcotError(BAD_REQUEST, str(error)) from error


def _parse(raw: bytes, signed: cose.Sign1, payload: Any) -> KeyRequest | BoardRequest:
    if not isinstance(payload, dict) or list(payload) not in (_KEYS, _BOARD_KEYS):
        _refuse("payload must be a map of the keys 1 to 9, or 1 to 14 for a board")
    version, role, site, name, time, nonce, subject, policy, *rest = payload.values()
    if version != VERSION or role not in list(Role):
        _refuse(f"version {version!r} and role {role!r}")
    if not claims.is_name(site) or not (policy is None or claims.is_name(policy)):
        _refuse("site or policy is not 1 to 64 characters of A-Z a-z 0-9 _ -")
    if not claims.is_name_of(Role(role), name):
        _refuse(f"name {name!r} is none that a {role} may have")
    if not claims.is_time(time) or not isinstance(nonce, bytes) or len(nonce) != NONCE_SIZE:
        _refuse(f"time {time!r}, or a nonce that is not {NONCE_SIZE} bytes")
    digest = hashlib.sha256(raw).digest()
    if role != Role.BOARD:
        if len(rest) != 1 or role == Role.ISSUER:
            _refuse(f"a key does not ask for the role {role} like this")
        key = claims.key_from_cbor(subject, Role(role))
        log = None if rest[0] is None else claims.log_from_cbor(rest[0])
        if (log is not None) != (role == Role.GATEWAY) or (role == Role.BRIDGE) != (policy is not None):
            _refuse("a bridge, and nobody else, names its policy; a gateway, and nobody else, its log")
        return KeyRequest(Role(role), site, name, time, key, policy, log, signed, raw, digest)
    device = claims.device_of(name)
    match [device, subject, *rest]:
        case [
            bytes(device), bytes(device_key), bytes(challenge), bytes(frame), str(model), bytes(firmware),
            channels, lms,
        ] if (
            len(device_key) == KEY_SIZE
            and len(challenge) == CHALLENGE_SIZE
            and len(frame) <= MAX_FRAME
            and 1 <= len(model) <= claims.MAX_MODEL
            and len(firmware) == claims.FIRMWARE_SIZE
        ):  # fmt: skip
            return BoardRequest(
                site, device, time, device_key, policy, challenge, frame, model, firmware,
                claims.channels_from_cbor(channels), possession.from_cbor(lms), signed.kid, signed, raw, digest,
            )  # fmt: skip
    _refuse("a board's request has a member of the wrong kind or length")


def seal(raw: bytes, authority: KemPublicKey) -> bytes:
    """The request ``raw``, for the eyes of the authority alone: a map of version, its key's id, and HPKE's bytes."""
    return cbor.encode({1: VERSION, 2: authority.kid, 3: hpke.seal(authority, raw, _INFO)})


def is_sealed(raw: bytes) -> bool:
    """Whether these bytes are to be given to :func:`open_sealed` first."""
    return raw[:1] != bytes((_FIRST_OF_SIGN1,))


def open_sealed(raw: bytes, key: KemKey) -> bytes:
    """The inverse of :func:`seal`; raises QcotError `bad-cbor`, `bad-request` or `request-for-another`."""
    if len(raw) > MAX_SEALED:
        _refuse(f"{len(raw)} bytes, at most {MAX_SEALED} are taken")
    match cbor.decode(raw):
        case {1: 1, 2: bytes(kid), 3: bytes(sealed), **rest} if not rest:
            pass
        case _:
            _refuse("not a map of version, key id and sealed bytes")
    if kid != key.public_key.kid:
        raise QcotError(REQUEST_FOR_ANOTHER, f"sealed to the key {kid.hex()}, this one is {key.public_key.kid.hex()}")
    try:
        return hpke.open_(key, sealed, _INFO)
    except QcotError as error:
        raise QcotError(REQUEST_FOR_ANOTHER, error.reason) from error


def _verify(signed: cose.Sign1, key: PublicKey, who: str) -> None:
    try:
        signed.verify(key)
    except QcotError as error:
        raise QcotError(REQUEST_FORGED, f"request of {who}: {error.reason}") from error


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_REQUEST, reason)
