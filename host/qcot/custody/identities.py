"""Who holds records here: names that stay in this home, and pseudonyms that go on the ledger.

An identity is two seeds of 32 bytes in files of mode 0600. Its pseudonyms, each an ML-DSA-44 and an ML-KEM-768 key, are
derived from them by number (HKDF-SHA-256), so that a fresh one costs nothing to keep: every record is published under
its own. Only who has the seeds can tell that two of them belong together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from qcot.crypto import cbor, keyfile
from qcot.crypto.cose import NAME
from qcot.crypto.kem import ML_KEM_768, KemKey, KemPublicKey
from qcot.crypto.signing import ML_DSA_44, SEED_SIZE, PublicKey, SigningKey
from qcot.custody.problems import BAD_IDENTITY_FILE, BAD_IDENTITY_NAME, CUSTODY_IO, IDENTITY_EXISTS, IDENTITY_MISSING
from qcot.errors import QcotError

FORMAT = "qcot-id/v1"
SUFFIX = ".qcot-id"
MAX_FILE = 8 << 10
_CONTEXT = b"qcot/id/v1"
_SIGN_FILE, _KEM_FILE = "sign.seed", "kem.seed"
_SIGN_INFO, _KEM_INFO = b"qcot/pseudonym/sign/v1", b"qcot/pseudonym/kem/v1"


@dataclass(frozen=True)
class PublicIdentity:
    """A pseudonym as it is handed out: its keys and nothing of its name."""

    key: PublicKey
    kem: KemPublicKey
    proof: bytes  # by ``key`` over the ML-KEM key: who holds one says that the other is theirs

    @property
    def kid(self) -> bytes:
        """Key id that the ledger shows."""
        return self.key.kid

    @property
    def kem_hash(self) -> bytes:
        """SHA-256 of the ML-KEM key: what statements say of it."""
        return hashlib.sha256(self.kem.raw).digest()

    def encode(self) -> bytes:
        """The bytes of a .qcot-id file."""
        return cbor.encode([FORMAT, self.key.raw, self.kem.raw, self.proof])

    @classmethod
    def parse(cls, data: bytes) -> PublicIdentity:
        """Read a .qcot-id file; raises `bad-identity-file`, also where its proof does not hold."""
        try:
            match cbor.decode(data, max_bytes=MAX_FILE):
                case [str(form), bytes(key), bytes(kem), bytes(proof)] if form == FORMAT:
                    found = cls(PublicKey(ML_DSA_44, key), KemPublicKey(ML_KEM_768, kem), proof)
                case _:
                    _refuse(f"not a {SUFFIX} file ({FORMAT})")
            found.key.verify(proof, kem, _CONTEXT)
        except QcotError as error:
            raise QcotError(BAD_IDENTITY_FILE, error.reason) from error
        return found


class Pseudonym:
    """The keys of one pseudonym, made when they are asked for."""

    def __init__(self, number: int, sign_seed: bytes, kem_seed: bytes) -> None:
        self.number = number
        self._seeds = sign_seed, kem_seed

    @cached_property
    def key(self) -> SigningKey:
        """What it signs statements with."""
        return SigningKey(ML_DSA_44, self._derive(self._seeds[0], _SIGN_INFO, ML_DSA_44.secret_size))

    @cached_property
    def kem(self) -> KemKey:
        """What data keys are wrapped to."""
        return KemKey(ML_KEM_768, self._derive(self._seeds[1], _KEM_INFO, ML_KEM_768.secret_size))

    @cached_property
    def public(self) -> PublicIdentity:
        """What is handed out."""
        kem = self.kem.public_key
        return PublicIdentity(self.key.public_key, kem, self.key.sign(kem.raw, _CONTEXT))

    @property
    def kid(self) -> bytes:
        """Key id that the ledger shows."""
        return self.key.public_key.kid

    def _derive(self, seed: bytes, info: bytes, size: int) -> bytes:
        return HKDF(SHA256(), size, salt=None, info=info + self.number.to_bytes(8, "big")).derive(seed)


@dataclass(frozen=True, slots=True)
class Identity:
    """A name in this home with its two seeds."""

    name: str
    sign_seed: bytes
    kem_seed: bytes

    def pseudonym(self, number: int) -> Pseudonym:
        """Its pseudonym ``number``, from 0."""
        return Pseudonym(number, self.sign_seed, self.kem_seed)

    def __repr__(self) -> str:
        """Never the seeds."""
        return f"Identity({self.name})"


@dataclass(frozen=True, slots=True)
class Identities:
    """The folder HOME/identities."""

    folder: Path

    def create(self, name: str) -> Identity:
        """Make the identity ``name``; raises `identity-exists` or `bad-identity-name`."""
        place = self._place(name)
        if self.has(name):
            raise QcotError(IDENTITY_EXISTS, f"{name} is in {self.folder} already")
        try:
            for folder in (self.folder, place):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise QcotError(CUSTODY_IO, f"{place}: {error.strerror}") from error
        # A seed that an interrupted run left is kept; the second marks the identity as whole.
        seeds = [self._seed(place / file) for file in (_SIGN_FILE, _KEM_FILE)]
        return Identity(name, *seeds)

    def load(self, name: str) -> Identity:
        """The identity ``name``; raises `identity-missing` or `key-file-...`."""
        place = self._place(name)
        if not self.has(name):
            raise QcotError(IDENTITY_MISSING, f"no identity {name} in {self.folder}")
        return Identity(name, *(keyfile.load(place / file) for file in (_SIGN_FILE, _KEM_FILE)))

    def has(self, name: str) -> bool:
        """Whether it was made."""
        return (self._place(name) / _KEM_FILE).exists()

    def names(self) -> list[str]:
        """All of them, sorted."""
        return sorted(file.parent.name for file in self.folder.glob(f"*/{_KEM_FILE}"))

    def hand_out(self, name: str, public: PublicIdentity) -> Path:
        """Write NAME.qcot-id, which others share records with, in place of an older one; give its path."""
        path = self._place(name) / f"{name}{SUFFIX}"
        new = path.with_suffix(".new")
        try:
            new.write_bytes(public.encode())
            new.replace(path)
        except OSError as error:
            raise QcotError(CUSTODY_IO, f"{path}: {error.strerror}") from error
        return path

    def handed_out(self, name: str) -> PublicIdentity | None:
        """The pseudonym in NAME.qcot-id, if there is one; raises `bad-identity-file`."""
        try:
            with (self._place(name) / f"{name}{SUFFIX}").open("rb") as file:
                return PublicIdentity.parse(file.read(MAX_FILE + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise QcotError(BAD_IDENTITY_FILE, f"{error.filename}: {error.strerror}") from error

    def _place(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise QcotError(BAD_IDENTITY_NAME, f"{name!r}")
        return self.folder / name

    @staticmethod
    def _seed(path: Path) -> bytes:
        return keyfile.load(path, SEED_SIZE) if path.exists() else keyfile.create(path)


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_IDENTITY_FILE, reason)
