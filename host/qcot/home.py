"""A QCoT home: the folder that holds one installation's settings, keys, certificates and databases.

| path | what |
|---|---|
| qcot.toml | settings |
| keys/bridge.seed, keys/gateway.seed | 32-byte ML-DSA seeds, mode 0600; a home has those of the parts that it plays |
| keys/boards/ | K_device of each enrolled board, mode 0600 |
| trusted/authority.pub | the root that all trust starts from; a second line holds the key that requests are sealed to |
| authority/ | only where the authority is: root key, issuing key, what it issued |
| certificates/ | issuer.cert, bridge.cert, gateway.cert, older ones of issuer and gateway, and boards/ID.cert |
| requests/ | sealed requests, to be carried to an authority elsewhere |
| ledger/ledger.sqlite | the gateway's log |
| ledger/validation/ | keys that validate the bookkeeper, used once |
| bridge/outbox.sqlite | the bridge's outbox |
| kme/ | a key server's keys, each end's, and kme/tls, the certificates of its clients |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from qcot.certificates import authority as authority_
from qcot.certificates import certificate as certificate_
from qcot.certificates.authority import AuthorityKeys
from qcot.crypto import keyfile
from qcot.crypto.problems import KEY_FILE_MISSING
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, Algorithm, PublicKey, SigningKey
from qcot.errors import Problem, QcotError
from qcot.ledger.trust import Trust
from qcot.settings import Settings, as_toml, load_settings

NO_HOME = Problem("no-home", "Run `qcot init` first, or name the right folder with --home or QCOT_HOME.")
HOME_EXISTS = Problem("home-exists", "Use it as it is, or name an empty folder with --home.")
HOME_UNUSABLE = Problem("home-unusable", "Name a folder that you may write to with --home or QCOT_HOME.")
KEY_LOST = Problem(
    "key-lost",
    "Where this home plays the other part alone, run that: `qcot bridge` or `qcot gateway`. Else restore the file from "
    "its backup, or make another home for it with `qcot init --join`.",
)
NO_AUTHORITY = Problem(
    "no-authority", "Copy authority.pub from the home where `qcot init` made it to the place named above."
)
UNREADABLE = Problem("file-unreadable", "Name a file that is there and that you may read.")
NOT_CERTIFIED = Problem(
    "not-certified",
    "Run `qcot certificate request bridge` (or gateway); where the authority is elsewhere, take what it writes there, "
    "and install what comes back.",
)

KEYS: dict[str, Algorithm] = {"bridge": ML_DSA_65, "gateway": ML_DSA_44}
"""The parts that a home may play, and what each signs with."""
CREDENTIALS = {part: f"qcot.{part}.seed" for part in KEYS}
"""The systemd credential that stands for each one's key; what is to follow it is a file until it has."""


def default_home() -> Path:
    """Return the user's data folder for qcot (XDG base directories)."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "qcot"


@dataclass(frozen=True)
class Home:
    """The paths of one home; nothing is read before it is asked for."""

    path: Path

    @property
    def settings_file(self) -> Path:
        """qcot.toml."""
        return self.path / "qcot.toml"

    @property
    def ledger(self) -> Path:
        """The gateway's log."""
        return self.path / "ledger" / "ledger.sqlite"

    @property
    def outbox(self) -> Path:
        """The bridge's outbox."""
        return self.path / "bridge" / "outbox.sqlite"

    @property
    def kme(self) -> Path:
        """What a key server here keeps."""
        return self.path / "kme"

    @property
    def keys(self) -> Path:
        """Secrets, mode 0700."""
        return self.path / "keys"

    @property
    def authority_file(self) -> Path:
        """The public key of the root that all trust starts from."""
        return self.path / "trusted" / "authority.pub"

    @property
    def authority(self) -> Path:
        """The authority's own folder; there only where the authority is."""
        return self.path / "authority"

    @property
    def certificates(self) -> Path:
        """Every certificate that this home holds: issuer.cert, bridge.cert, gateway.cert, boards/ID.cert."""
        return self.path / "certificates"

    @property
    def requests(self) -> Path:
        """Sealed requests that wait to be carried to an authority elsewhere."""
        return self.path / "requests"

    def settings(self) -> Settings:
        """Read qcot.toml and the QCOT_* variables; raises ``no-home`` or ``settings-broken``."""
        if not self.settings_file.exists():
            raise QcotError(NO_HOME, f"{self.path} holds no qcot.toml")
        return load_settings(self.settings_file)

    def bridge_key(self) -> SigningKey:
        """The bridge's ML-DSA-65 key; raises ``key-lost`` or ``key-file-...``."""
        return self.key("bridge")

    def gateway_key(self) -> SigningKey:
        """The gateway's ML-DSA-44 key; raises ``key-lost`` or ``key-file-...``."""
        return self.key("gateway")

    def key(self, part: str) -> SigningKey:
        """The key of ``part`` (of :data:`KEYS`), or of its successor ``part.next``."""
        path = self.key_file(part)
        try:
            return SigningKey(KEYS[part.partition(".")[0]], keyfile.load(path, credential=CREDENTIALS.get(part)))
        except QcotError as error:
            if error.problem is not KEY_FILE_MISSING:
                raise
            raise QcotError(KEY_LOST, f"{path} is not there") from error

    def key_file(self, part: str) -> Path:
        """Where the seed of ``part`` is."""
        return self.keys / f"{part}.seed"

    def parts(self) -> tuple[str, ...]:
        """What this home plays: of bridge and gateway those whose key is here, or a credential of this process.

        A bridge is known by its certificate too, which no other home has any use for.
        """
        return tuple(
            part
            for part in KEYS
            if self.key_file(part).exists()
            or keyfile.find_credential(CREDENTIALS[part]) is not None
            or (part == "bridge" and self.certificate_file(part).exists())
        )

    def request_file(self, part: str) -> Path:
        """Where a request for the certificate of ``part`` waits to be carried."""
        return self.requests / f"{part.replace('/', '-')}.request"

    def authority_keys(self) -> AuthorityKeys:
        """What authority.pub says, under the root's signature; raises ``no-authority`` or ``bad-authority-file``."""
        if not self.authority_file.exists():
            raise QcotError(NO_AUTHORITY, f"no key of an authority at {self.authority_file}")
        return read_authority(self.authority_file)

    def root(self) -> PublicKey:
        """The authority's root key (SLH-DSA-SHA2-128s); raises as :meth:`authority_keys`."""
        return self.authority_keys().root

    def trust(self) -> Trust:
        """By what this home judges a log: the root, and the gateway's certificates, the newest last.

        Raises ``not-certified`` where there is none.
        """
        older = [self.certificate(file.stem) for file in sorted(self.certificates.glob("gateway-*.cert"))]
        return Trust(self.root(), self.settings().site, (*self.chain(), *older, self.certificate("gateway")))

    def certificate_file(self, part: str) -> Path:
        """Where the certificate of ``part`` is: issuer, bridge, gateway, or boards/ID."""
        return self.certificates / f"{part}.cert"

    def certificate(self, part: str) -> bytes:
        """The certificate of ``part``; raises ``not-certified``."""
        file = self.certificate_file(part)
        try:
            raw = file.read_bytes()
            certificate_.parse(raw)
        except OSError as error:
            raise QcotError(NOT_CERTIFIED, f"no certificate of the {part}: {file}: {error.strerror}") from error
        except QcotError as error:
            raise QcotError(NOT_CERTIFIED, f"{file} holds no certificate, move it away: {error}") from error
        return raw

    def chain(self, *parts: str) -> tuple[bytes, ...]:
        """The issuers' certificates that are here and those of ``parts``; raises ``not-certified``."""
        issuers = self.issuers()
        return (*(issuers or (self.certificate("issuer"),)), *(self.certificate(part) for part in parts))

    def issuers(self) -> tuple[bytes, ...]:
        """The issuers' certificates that are here."""
        return tuple(self.certificate(file.stem) for file in sorted(self.certificates.glob("issuer*.cert")))


def create_home(
    path: Path,
    settings: Settings,
    *,
    parts: Collection[str] = tuple(KEYS),
    complete: Callable[[Home], None] = lambda home: None,
) -> Home:
    """Make a home with new keys for ``parts``, certified by nobody yet; ``complete`` adds to it before it is whole.

    Raises:
        QcotError: ``home-exists`` when there is one, ``home-unusable`` when the folder cannot be written.
    """
    home = Home(path)
    if home.settings_file.exists():
        raise QcotError(HOME_EXISTS, f"{path} is a home already")
    private = (
        home.path, home.keys, home.keys / "boards", home.ledger.parent, home.outbox.parent, home.requests
    )  # fmt: skip
    try:
        home.path.mkdir(parents=True, exist_ok=True)
        for folder in private:
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        for folder in (home.authority_file.parent, home.certificates / "boards"):
            folder.mkdir(parents=True, exist_ok=True)
        for part in parts:
            _seed(home.key_file(part))
        complete(home)
        home.settings_file.write_text(as_toml(settings), encoding="utf-8")  # last: it marks the home as whole
    except OSError as error:
        raise QcotError(HOME_UNUSABLE, f"{path}: {error.strerror}") from error
    return home


def _seed(path: Path) -> bytes:
    """A key that an interrupted run left is kept; no key is ever overwritten."""
    return keyfile.load(path) if path.exists() else keyfile.create(path)


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all and on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    keyfile.sync_folder(path.parent)


def read_authority(path: Path) -> AuthorityKeys:
    """Read an authority.pub; raises ``file-unreadable`` or ``bad-authority-file``."""
    try:
        with path.open("rb") as file:
            return authority_.parse(file.read(authority_.MAX_TEXT + 1).decode("ascii", "replace"))
    except OSError as error:
        raise QcotError(UNREADABLE, f"{path}: {error.strerror}") from error
    except QcotError as error:
        raise QcotError(error.problem, f"{path}: {error.reason}") from error
