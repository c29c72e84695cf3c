"""Certificates of a key server and its clients: files as broker/make-certificates.sh writes them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from qcot.errors import QcotError
from qcot.kme.problems import KEY_MODE, TLS_FILES


@dataclass(frozen=True)
class TlsFiles:
    """PEM files of one end: the authority that both ends believe, this end's certificate chain and its key."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def of(cls, folder: Path, name: str) -> TlsFiles:
        """The files of ``name`` in ``folder``."""
        return cls(folder / "ca.crt", folder / f"{name}.crt", folder / f"{name}.key")

    def require(self) -> None:
        """Raise `kme-tls-files` or `kme-key-mode` unless the files are there and the key is its owner's alone."""
        for path in (self.ca, self.certificate, self.key):
            if not path.is_file():
                raise QcotError(TLS_FILES, f"{path} is not there")
        if self.key.stat().st_mode & 0o077:
            raise QcotError(KEY_MODE, f"others can read {self.key}")

    def server_context(self) -> ssl.SSLContext:
        """TLS 1.3 alone, and only for clients with a certificate of the authority."""
        self.require()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(self.ca)
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError is one too
            raise QcotError(TLS_FILES, f"{self.ca}, {self.certificate}, {self.key}: {error}") from error
        return context
