"""An authority for tests: a root and an issuer with fixed keys, and the certificates that they give, each made once.

SLH-DSA signs for a third of a second, so the issuer's certificate of a site is made once in a process.
"""

from functools import cache

from qcot.certificates import certificate, revocation, rotation
from qcot.certificates.certificate import BoardClaims, Claims, LogClaims, Role
from qcot.crypto.signing import ML_DSA_44, SLH_DSA_SHA2_128S, SigningKey
from qcot.link import keys

FROM, TO = 1_600_000_000, 4_000_000_000  # 2020 to 2096
_SPAN = (FROM, TO)
_ROOTS = (
    "f9abc058ba291c81cf761293879b1e923183e1c0f8036377505614afd3a45ca5d6171eb6df059db2b7183122888f24fdf1aecb0af4567c95c7585e321a0cc058",
    "c018afd526289874e4232038bf98cff60986f3d9b5d8a711bebfcb9469420298b2beca34cc3f7f26ed50e77fc40fffb321b3f6718464a6b361d1c2f28d77bfd5",
)
"""SK.seed, SK.prf, PK.seed and PK.root (FIPS 205 section 9.1) of keys that are for tests alone."""


@cache
def _root(number: int) -> SigningKey:
    return SigningKey(SLH_DSA_SHA2_128S, bytes.fromhex(_ROOTS[number]))


@cache
def _issuer(site: str, number: int, span: tuple[int, int]) -> tuple[SigningKey, bytes]:
    key = SigningKey(ML_DSA_44, bytes([0xA0 + number]) * 32)
    claims = Claims(Role.ISSUER, site, "issuer", key.public_key, *span, serial=bytes([0xA0 + number]) * 16)
    return key, certificate.issue(_root(number), claims)


def root_of(number: int = 0):
    """The public key, without signing anything."""
    return _root(number).public_key


class Authority:
    """The authority of ``site``; another ``number`` is another authority."""

    def __init__(self, site: str, number: int = 0, span: tuple[int, int] = _SPAN):
        self.site = site
        self.root_key = _root(number)
        self.root = self.root_key.public_key
        self.key, self.certificate = _issuer(site, number, span)

    def issue(self, role, name, key=None, span=None, site=None, **claims) -> bytes:
        span = span or (FROM, TO)
        return certificate.issue(self.key, Claims(role, site or self.site, name, key, *span, **claims))

    def bridge(self, key: SigningKey, name="bridge", policy="default", **options) -> bytes:
        return self.issue(Role.BRIDGE, name, key.public_key, policy=policy, **options)

    def gateway(self, key: SigningKey, name="gateway", origin="qcot/lab/gateway", quorum=0, cosigners=(), **options):
        return self.issue(Role.GATEWAY, name, key.public_key, log=LogClaims(origin, quorum, cosigners), **options)

    def witness(self, key: SigningKey, name="witness", **options) -> bytes:
        return self.issue(Role.WITNESS, name, key.public_key, **options)

    def board(self, device: bytes, device_key: bytes, model="uno", image=b"i" * 32, lms=None, **options) -> bytes:
        board = BoardClaims(keys.commitment(device, device_key), model, b"\x00\x01\x00", image, (), lms)
        return self.issue(Role.BOARD, device.hex(), board=board, **options)

    def revoke(self, raw: bytes, reason="key-compromise", key=None, time=FROM + 1) -> bytes:
        serial = certificate.parse(raw).serial
        return revocation.build(key or self.key, site=self.site, serial=serial, time=time, reason=reason)

    def rotate(self, old: SigningKey, new: SigningKey, new_certificate: bytes, time=FROM + 1) -> bytes:
        digest = certificate.parse(new_certificate).hash
        return rotation.build(new, site=self.site, old=old.public_key.kid, certificate=digest, time=time)
