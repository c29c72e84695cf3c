"""Signature implementations of other libraries behind one shape: bytes in, bytes or a verdict out."""

from __future__ import annotations

import importlib
import secrets
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature

from qcot.crypto.problems import ALGORITHM_NEEDS_EXTRA
from qcot.errors import QcotError

Sign = Callable[[bytes, bytes], bytes]
"""Message and context string to signature."""
Verify = Callable[[bytes, bytes, bytes], bool]
"""Signature, message and context string to verdict."""


class Backend(Protocol):
    """What one library does for one algorithm. Lengths of keys are checked before anything comes here."""

    def generate(self) -> bytes:
        """Draw a new secret."""
        ...

    def signer(self, secret: bytes) -> tuple[bytes, Sign]:
        """Return the public key of ``secret`` and what signs with it."""
        ...

    def verifier(self, public: bytes) -> Verify:
        """Return what verifies under ``public``; raises ValueError where these bytes are no key."""
        ...


@dataclass(frozen=True)
class Pyca:
    """cryptography (OpenSSL): the secret is the 32-byte seed of FIPS 204, signing is hedged."""

    private: Any
    public: Any

    def generate(self) -> bytes:
        """Draw a seed."""
        return secrets.token_bytes(32)

    def signer(self, secret: bytes) -> tuple[bytes, Sign]:
        """Expand the seed."""
        key = self.private.from_seed_bytes(secret)
        return key.public_key().public_bytes_raw(), key.sign

    def verifier(self, public: bytes) -> Verify:
        """Take any bytes of the right length: FIPS 204 knows no wrong ones."""
        check = self.public.from_public_bytes(public).verify

        def verify(signature: bytes, message: bytes, context: bytes) -> bool:
            try:
                check(signature, message, context)
            except (InvalidSignature, ValueError):  # ValueError: a context of more than 255 bytes
                return False
            return True

        return verify


@dataclass(frozen=True)
class Pqcrypto:
    """pqcrypto (RustCrypto): the secret is the key as the standard encodes it, its last ``public_size`` bytes public.

    That is how FIPS 205 lays out a secret key: SK.seed, SK.prf, PK.seed, PK.root. Signing is hedged.
    """

    module: str
    public_size: int

    def generate(self) -> bytes:
        """Draw a key pair; its secret half holds the other."""
        return bytes(self._library.keygen()[1])

    def signer(self, secret: bytes) -> tuple[bytes, Sign]:
        """Cut the public key out of the secret one."""
        library = self._library
        return secret[-self.public_size :], lambda message, context: bytes(library.sign(secret, message, context))

    def verifier(self, public: bytes) -> Verify:
        """Take any bytes of the right length: FIPS 205 knows no wrong ones."""
        check = self._library.verify

        def verify(signature: bytes, message: bytes, context: bytes) -> bool:
            try:
                # 1.0 raises and returns None; a False of another version must not pass for a yes.
                return check(public, message, signature, context) in (None, True)
            except ValueError:
                return False

        return verify

    @property
    def _library(self) -> Any:
        importlib.import_module("pqcrypto.sign")
        return importlib.import_module(f"pqcrypto.sign.{self.module}")


@dataclass(frozen=True)
class Pqc:
    """pypqc (PQClean), an optional extra: the secret is the secret key with the public one behind it."""

    module: str
    secret_size: int  # of the library's secret key

    def generate(self) -> bytes:
        """Draw a key pair."""
        public, secret = self._library.keypair()
        return bytes(secret) + bytes(public)

    def signer(self, secret: bytes) -> tuple[bytes, Sign]:
        """Take both keys apart; there is no context string."""
        library, key = self._library, secret[: self.secret_size]
        return secret[self.secret_size :], lambda message, _: bytes(library.sign(message, key))

    def verifier(self, public: bytes) -> Verify:
        """Take any bytes of the right length: what is no key verifies nothing."""
        check = self._library.verify

        def verify(signature: bytes, message: bytes, _: bytes) -> bool:
            try:
                check(signature, message, public)
            except (ValueError, RuntimeError):
                return False
            return True

        return verify

    @property
    def _library(self) -> Any:
        try:
            with warnings.catch_warnings():  # its notice of patents is ours to give: docs/algorithms.md
                warnings.simplefilter("ignore")
                return importlib.import_module(f"pqc.sign.{self.module}")
        except ImportError as error:
            raise QcotError(ALGORITHM_NEEDS_EXTRA, f"{self.module} is not installed") from error
