"""The authority's secrets: the root, which may be away; the issuing key; the key that requests are sealed to.

Each is a file of mode 0600; all but the key that is to follow may be a systemd credential instead (crypto/keyfile.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qcot.authority.problems import ISSUER_KEY_DIFFERS, ROOT_DIFFERS, ROOT_OFFLINE
from qcot.crypto import keyfile
from qcot.crypto.kem import ML_KEM_768, KemKey
from qcot.crypto.problems import KEY_FILE_MISSING
from qcot.crypto.signing import ML_DSA_44, SLH_DSA_SHA2_128S, Algorithm, PublicKey, SigningKey
from qcot.errors import QcotError

ROOT, ISSUING, NEXT, KEM = "root.key", "issuing.seed", "issuing.next.seed", "kem.seed"
CREDENTIALS = {name: f"qcot.{name}" for name in (ROOT, ISSUING, KEM)}


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets in ``folder``; nothing is read before it is asked for."""

    folder: Path

    def create_root(self) -> SigningKey:
        """A new root; one that an interrupted run left is taken."""
        return self._create(ROOT, SLH_DSA_SHA2_128S)

    def create_issuing(self) -> SigningKey:
        """A new issuing key; one that an interrupted run left is taken."""
        return self._create(ISSUING, ML_DSA_44)

    def create_next(self) -> SigningKey:
        """The issuing key that is to come, beside the one in use."""
        return self._create(NEXT, ML_DSA_44)

    def create_kem(self) -> KemKey:
        """A new key for requests to be sealed to; one that an interrupted run left is taken."""
        path = self.folder / KEM
        return self.kem() if path.exists() else KemKey(
            ML_KEM_768, keyfile.create(path, KemKey.generate(ML_KEM_768).secret)
        )  # fmt: skip

    def root(self, public: PublicKey) -> SigningKey:
        """The root key that belongs to ``public``; raises `root-offline`, `root-differs` or `key-file-...`."""
        try:
            secret = self._load(ROOT, SLH_DSA_SHA2_128S.secret_size)
        except QcotError as error:
            if error.problem is not KEY_FILE_MISSING:
                raise
            raise QcotError(ROOT_OFFLINE, f"this takes the root key, and {error.reason}") from error
        key = SigningKey(SLH_DSA_SHA2_128S, secret)
        if key.public_key != public:
            raise QcotError(ROOT_DIFFERS, f"{self.folder / ROOT} is of key {key.public_key.kid.hex()}")
        return key

    def issuing(self, kid: bytes) -> SigningKey:
        """The issuing key ``kid``; ends a rotation that stopped after its certificate was recorded.

        Raises QcotError `issuer-key-differs` or `key-file-...`.
        """
        key = SigningKey(ML_DSA_44, self._load(ISSUING, ML_DSA_44.secret_size))
        if key.public_key.kid == kid:
            return key
        if (self.folder / NEXT).exists():
            following = SigningKey(ML_DSA_44, self._load(NEXT, ML_DSA_44.secret_size))
            if following.public_key.kid == kid:
                self.promote_next()
                return following
        raise QcotError(ISSUER_KEY_DIFFERS, f"{ISSUING} is of {key.public_key.kid.hex()}, the issuer is {kid.hex()}")

    def promote_next(self) -> None:
        """The key that was to come takes the place of the one in use, which is gone."""
        (self.folder / NEXT).replace(self.folder / ISSUING)
        keyfile.sync_folder(self.folder)

    def kem(self) -> KemKey:
        """The key that requests are sealed to; raises `key-file-...`."""
        return KemKey(ML_KEM_768, self._load(KEM, ML_KEM_768.secret_size))

    def _create(self, name: str, algorithm: Algorithm) -> SigningKey:
        path = self.folder / name
        if path.exists():
            return SigningKey(algorithm, self._load(name, algorithm.secret_size))
        made = SigningKey.generate(algorithm)
        keyfile.create(path, made.secret)
        return made

    def _load(self, name: str, size: int) -> bytes:
        return keyfile.load(self.folder / name, size, credential=CREDENTIALS.get(name))
