"""authority.pub: what has to be known of an authority, as one text file of two lines (docs/certificates.md).

The first line is the root's public key, from which all trust starts; who copies the file checks its fingerprint with
the operator. The second is signed by that root: the site, and the ML-KEM key that requests are sealed to.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import NoReturn

from qcot.certificates.claims import is_name, is_time
from qcot.certificates.envelope import Form
from qcot.certificates.problems import BAD_AUTHORITY_FILE
from qcot.crypto.kem import ML_KEM_768, KemPublicKey
from qcot.crypto.signing import SLH_DSA_SHA2_128S, PublicKey, SigningKey
from qcot.errors import QcotError

FORM = Form.of("application/vnd.qcot.authority+cbor", b"qcot/authority/v1", SLH_DSA_SHA2_128S)
VERSION = 1
MAX_TEXT = 20 * 1024
_SEALING = "sealing"


@dataclass(frozen=True, slots=True)
class AuthorityKeys:
    """The ``root`` of a ``site``, and the ``kem`` key that requests to its authority are sealed to."""

    root: PublicKey
    site: str
    kem: KemPublicKey
    text: str

    @property
    def fingerprint(self) -> str:
        """The root's key id in hex, in groups of four for reading aloud."""
        digits = self.root.kid.hex()
        return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def build(root: SigningKey, *, site: str, kem: KemPublicKey, time: int) -> AuthorityKeys:
    """Sign the file with the ``root`` key; raises `bad-authority-file` for what :func:`parse` would refuse."""
    if kem.kem != ML_KEM_768:
        _refuse(f"requests are sealed with ML-KEM-768, not with {kem.kem.name}")
    raw = FORM.sign(root, {1: VERSION, 2: site, 3: kem.kem.name, 4: kem.raw, 5: time})
    lines = ((root.algorithm.name, root.public_key.raw), (_SEALING, raw))
    return parse("".join(f"{name} {base64.b64encode(each).decode()}\n" for name, each in lines))


def parse(text: str) -> AuthorityKeys:
    """Read authority.pub and check the root's signature in it; raises QcotError `bad-authority-file`."""
    if len(text) > MAX_TEXT or not text.isascii():
        _refuse(f"{len(text)} characters, or one that is not ASCII")
    try:
        named = [line.split(" ") for line in text.splitlines()]
        (first, root_raw), (second, raw) = [(name, base64.b64decode(each, validate=True)) for name, each in named]
    except ValueError as error:
        _refuse(f"not two lines of a word and base64: {error}")
    if (first, second) != (SLH_DSA_SHA2_128S.name, _SEALING):
        _refuse(f"the lines begin with {first[:32]!r} and {second[:32]!r}")
    try:
        root = PublicKey(SLH_DSA_SHA2_128S, root_raw)
        signed, payload = FORM.parse(raw)
        signed.verify(root)
    except QcotError as error:
        raise QcotError(BAD_AUTHORITY_FILE, str(error)) from error
    match list(payload.values()) if isinstance(payload, dict) and list(payload) == [1, 2, 3, 4, 5] else None:
        case [int(version), str(site), ML_KEM_768.name, bytes(kem), int(time)] if (
            version == VERSION and is_name(site) and len(kem) == ML_KEM_768.public_key_size and is_time(time)
        ):
            return AuthorityKeys(root, site, KemPublicKey(ML_KEM_768, kem), text)
    _refuse("signed is not version 1, a site, an ML-KEM-768 key and a time")


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_AUTHORITY_FILE, reason)
