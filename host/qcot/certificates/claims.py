"""What a certificate says of its holder: CWT claims (RFC 8392, cnf RFC 8747) to records and back, with bounds."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn, TypeGuard

from qcot.certificates.problems import BAD_CERTIFICATE
from qcot.crypto import cose
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, ML_DSA_87, Algorithm, PublicKey
from qcot.errors import QcotError

SERIAL_SIZE = 16
DEVICE_SIZE = 8
HASH_SIZE = 32
MAX_TIME = 253_402_300_799
"""9999-12-31T23:59:59Z in POSIX seconds: the last time that every calendar can say."""
FIRMWARE_SIZE = 3
MAX_MODEL = 16
MAX_TEXT = 64
MAX_CHANNELS = 255
MAX_COSIGNERS = 15
MAX_LMS_KEY = 60
"""Bytes of an LMS public key, RFC 8554 section 5.3 and an HSS level before it (section 6.1)."""

_ISS, _SUB, _AUD, _EXP, _NBF, _IAT, _CTI, _CNF = range(1, 9)
_ROLE, _POLICY, _BOARD, _LOG, _BRIDGE = -65537, -65538, -65539, -65540, -65541
_ALWAYS = frozenset({_ISS, _SUB, _AUD, _EXP, _NBF, _IAT, _CTI, _ROLE})
_OPTIONAL = frozenset({_CNF, _POLICY, _BOARD, _LOG, _BRIDGE})
_COSE_KEY, _KTY, _KEY_ALG, _PUB, _AKP = 1, 1, 3, -1, 7  # RFC 8747 section 3.2; RFC 9964 section 3
_COSIGNER = re.compile(r"[A-Za-z0-9._/-]{1,255}")  # C2SP signed-note, as docs/evidence.md narrows it


class Role(StrEnum):
    """What the holder of a certificate may do."""

    ISSUER = "issuer"
    BRIDGE = "bridge"
    GATEWAY = "gateway"
    WITNESS = "witness"
    BOARD = "board"


KEY_ALGORITHMS: Mapping[Role, tuple[Algorithm, ...]] = {
    Role.ISSUER: (ML_DSA_44, ML_DSA_65, ML_DSA_87),
    Role.BRIDGE: (ML_DSA_65,),
    Role.GATEWAY: (ML_DSA_44,),
    Role.WITNESS: (ML_DSA_44,),
    Role.BOARD: (),
}
"""Whose key may be of which algorithm; a board has no key that signs."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A board's channel: a physical value is ``(value + offset) * num / den`` in ``unit`` (SenML)."""

    name: str
    unit: str
    num: int
    den: int
    offset: int


@dataclass(frozen=True, slots=True)
class BoardClaims:
    """``commitment`` to K_device and ``image`` 32 bytes, ``firmware`` 3, ``lms`` an LMS public key or None."""

    commitment: bytes
    model: str
    firmware: bytes
    image: bytes
    channels: tuple[Channel, ...]
    lms: bytes | None = None


@dataclass(frozen=True, slots=True)
class LogClaims:
    """A gateway's log: its origin, and how many (``quorum``) of which named ``cosigners`` must stand beside it."""

    origin: str
    quorum: int = 0
    cosigners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claims:
    """All that a certificate says but for who issues it. Times are POSIX seconds; ``not_after`` is the first too late.

    ``name`` of a board is its device id in hex. ``key`` is None for a board and only there, as ``board`` is
    for boards alone; ``log`` is for gateways; a bridge has a ``policy``, a board may. ``bridge`` is whose transactions
    alone may carry a board: None for those of any bridge of the site.
    """

    role: Role
    site: str
    name: str
    key: PublicKey | None
    not_before: int
    not_after: int
    policy: str | None = None
    board: BoardClaims | None = None
    log: LogClaims | None = None
    bridge: str | None = None
    serial: bytes = field(default_factory=lambda: secrets.token_bytes(SERIAL_SIZE))
    issued_at: int | None = None


def to_cbor(claims: Claims, issuer: bytes) -> dict[int, Any]:
    """The claims set, with ``issuer`` the kid of who signs."""
    found: dict[int, Any] = {
        _ISS: issuer.hex(),
        _SUB: claims.name,
        _AUD: claims.site,
        _EXP: claims.not_after,
        _NBF: claims.not_before,
        _IAT: claims.not_before if claims.issued_at is None else claims.issued_at,
        _CTI: claims.serial,
        _ROLE: str(claims.role),
    }
    if claims.key is not None:
        found[_CNF] = {_COSE_KEY: key_to_cbor(claims.key)}
    if claims.policy is not None:
        found[_POLICY] = claims.policy
    if claims.board is not None:
        found[_BOARD] = board_to_cbor(claims.board)
    if claims.log is not None:
        found[_LOG] = log_to_cbor(claims.log)
    if claims.bridge is not None:
        found[_BRIDGE] = claims.bridge
    return found


def from_cbor(found: Any, issuer: bytes) -> Claims:
    """The claims in a decoded claims set that ``issuer`` signed; raises QcotError `bad-certificate`."""
    if not isinstance(found, dict) or not _ALWAYS <= found.keys() <= _ALWAYS | _OPTIONAL:
        refuse("claims missing, or claims that have no place here")
    if found[_ISS] != issuer.hex():
        refuse(f"issuer {found[_ISS]!r} is not the key that signed, {issuer.hex()}")
    if found[_ROLE] not in list(Role):
        refuse(f"role {found[_ROLE]!r}")
    role, name, serial = Role(found[_ROLE]), found[_SUB], found[_CTI]
    starts, ends, issued = found[_NBF], found[_EXP], found[_IAT]
    if not (is_time(starts) and is_time(ends) and is_time(issued) and max(starts, issued) < ends):
        refuse(f"not before {starts!r}, issued at {issued!r}, expires {ends!r}")
    if not isinstance(serial, bytes) or len(serial) != SERIAL_SIZE:
        refuse(f"serial is not {SERIAL_SIZE} bytes")
    if not is_name(found[_AUD]):
        refuse(f"site {found[_AUD]!r} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
    if not is_name_of(role, name):
        refuse(f"name {name!r} is none that a {role} may have")
    _fits_role(role, found)
    return Claims(
        role, found[_AUD], name, _cnf(found.get(_CNF), role), starts, ends,
        found.get(_POLICY),
        board_from_cbor(found[_BOARD]) if _BOARD in found else None,
        log_from_cbor(found[_LOG]) if _LOG in found else None,
        found.get(_BRIDGE),
        serial, issued,
    )  # fmt: skip


def _fits_role(role: Role, found: dict[int, Any]) -> None:
    """Whether the claims that not all have are those of ``role``."""
    must, may = {
        Role.BRIDGE: ({_CNF, _POLICY}, set()),
        Role.GATEWAY: ({_CNF, _LOG}, set()),
        Role.BOARD: ({_BOARD}, {_POLICY, _BRIDGE}),
    }.get(role, ({_CNF}, set()))
    optional = found.keys() - _ALWAYS
    if not must <= optional <= must | may:
        refuse(f"the claims {sorted(optional)} are not those of the role {role}")
    for label, what in ((_POLICY, "policy"), (_BRIDGE, "bridge")):
        if label in found and not is_name(found[label]):
            refuse(f"{what} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
    if role is Role.BOARD and device_of(found[_SUB]) is None:
        refuse(f"board {found[_SUB]!r} is not a device id of {DEVICE_SIZE} bytes in hex")


def _cnf(found: Any, role: Role) -> PublicKey | None:
    if role is Role.BOARD:
        return None
    if not isinstance(found, dict) or found.keys() != {_COSE_KEY}:
        refuse("cnf holds no COSE_Key")
    return key_from_cbor(found[_COSE_KEY], role)


def key_to_cbor(key: PublicKey) -> dict[int, Any]:
    """The COSE_Key (type AKP, RFC 9964) of ``key``."""
    return {_KTY: _AKP, _KEY_ALG: key.algorithm.cose, _PUB: key.raw}


def key_from_cbor(found: Any, role: Role) -> PublicKey:
    """The key in a COSE_Key that ``role`` may have; raises QcotError `bad-certificate`."""
    if not isinstance(found, dict) or found.keys() != {_KTY, _KEY_ALG, _PUB} or found[_KTY] != _AKP:
        refuse("not a COSE_Key of type AKP with alg and pub, and nothing else")
    for algorithm in KEY_ALGORITHMS[role]:
        if found[_KEY_ALG] == algorithm.cose:
            raw = found[_PUB]
            if not isinstance(raw, bytes) or len(raw) != algorithm.public_key_size:
                refuse(f"pub is not an {algorithm.name} key of {algorithm.public_key_size} bytes")
            return PublicKey(algorithm, raw)
    refuse(f"a {role} has no key of algorithm {found[_KEY_ALG]!r}")


def board_to_cbor(board: BoardClaims) -> dict[int, Any]:
    """The board's part of the claims."""
    return {
        1: board.commitment, 2: board.model, 3: board.firmware, 4: board.image,
        5: channels_to_cbor(board.channels), 6: board.lms,
    }  # fmt: skip


def board_from_cbor(found: Any) -> BoardClaims:
    """The inverse; raises QcotError `bad-certificate`."""
    match list(found.values()) if isinstance(found, dict) and list(found) == [1, 2, 3, 4, 5, 6] else None:
        case [bytes(secret), str(model), bytes(firmware), bytes(image), channels, (bytes() | None) as lms] if (
            len(secret) == len(image) == HASH_SIZE
            and 1 <= len(model) <= MAX_MODEL
            and len(firmware) == FIRMWARE_SIZE
            and (lms is None or 1 <= len(lms) <= MAX_LMS_KEY)
        ):
            return BoardClaims(secret, model, firmware, image, channels_from_cbor(channels), lms)
    refuse("board is not a map of the keys 1 to 6 with members of the right kind and length")


def channels_to_cbor(channels: tuple[Channel, ...]) -> list[list[Any]]:
    """Channels as arrays."""
    return [[c.name, c.unit, c.num, c.den, c.offset] for c in channels]


def channels_from_cbor(found: Any) -> tuple[Channel, ...]:
    """The inverse; raises QcotError `bad-certificate`."""
    if not isinstance(found, list) or len(found) > MAX_CHANNELS:
        refuse(f"channels are not an array of at most {MAX_CHANNELS}")
    return tuple(map(_channel, found))


def _channel(found: Any) -> Channel:
    match found:
        case [str(name), str(unit), int(num), int(den), int(offset)] if (
            1 <= len(name) <= MAX_TEXT
            and len(unit) <= MAX_TEXT
            and den != 0
            and all(-(1 << 31) <= number < 1 << 31 for number in (num, den, offset))
        ):
            return Channel(name, unit, num, den, offset)
    refuse("a channel is not name, unit, num, den (not 0), offset")


def log_to_cbor(log: LogClaims) -> dict[int, Any]:
    """The gateway's part of the claims."""
    return {1: log.origin, 2: log.quorum, 3: list(log.cosigners)}


def log_from_cbor(found: Any) -> LogClaims:
    """The inverse; raises QcotError `bad-certificate`."""
    match list(found.values()) if isinstance(found, dict) and list(found) == [1, 2, 3] else None:
        case [str(origin), int(quorum), list(names)] if (
            _COSIGNER.fullmatch(origin)
            and len(names) <= MAX_COSIGNERS
            and 0 <= quorum <= len(names)
            and all(isinstance(name, str) and _COSIGNER.fullmatch(name) for name in names)
            and len(set(names)) == len(names)
        ):
            return LogClaims(origin, quorum, tuple(names))
    refuse(f"log is not an origin and a quorum of at most {MAX_COSIGNERS} different cosigners")


def device_of(name: str) -> bytes | None:
    """The device id that a board's ``name`` is in hex, or None."""
    if re.fullmatch(r"[0-9a-f]{16}", name) and name != "0" * 16:
        return bytes.fromhex(name)
    return None


def is_time(value: Any) -> TypeGuard[int]:
    """Whether ``value`` is a time in POSIX seconds that a statement may name."""
    return type(value) is int and 0 <= value <= MAX_TIME


def is_name(value: Any) -> TypeGuard[str]:
    """Whether ``value`` may name a site, a holder or a policy."""
    return isinstance(value, str) and cose.NAME.fullmatch(value) is not None


def is_name_of(role: Role, value: Any) -> bool:
    """Whether ``value`` may name a holder of ``role``: witnesses go by names that have a meaning in all of C2SP."""
    return is_name(value) or (role is Role.WITNESS and isinstance(value, str) and bool(_COSIGNER.fullmatch(value)))


def refuse(reason: str) -> NoReturn:
    """Raise QcotError `bad-certificate`."""
    raise QcotError(BAD_CERTIFICATE, reason)
