"""A QCoT home: the folder that holds one installation's settings, keys and databases.

| path | what |
|---|---|
| qcot.toml | settings |
| keys/bridge.seed, keys/gateway.seed | 32-byte ML-DSA seeds, mode 0600 |
| keys/boards/ | K_device of each enrolled board, mode 0600 |
| trusted/bridges/NAME.pub, trusted/gateways/NAME.pub | the public keys that this installation believes |
| ledger/ledger.sqlite | the gateway's log |
| ledger/validation/ | keys that validate the bookkeeper, used once |
| bridge/outbox.sqlite | the bridge's outbox |
| kme/ | a key server's keys, each end's, and kme/tls, the certificates of its clients |
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path

from qcot.crypto import keyfile
from qcot.crypto.signing import ALGORITHMS, ML_DSA_44, ML_DSA_65, Algorithm, PublicKey, SigningKey
from qcot.errors import Problem, QcotError
from qcot.settings import Settings, as_toml, load_settings

NO_HOME = Problem("no-home", "Run `qcot init` first, or name the right folder with --home or QCOT_HOME.")
HOME_EXISTS = Problem("home-exists", "Use it as it is, or name an empty folder with --home.")
HOME_UNUSABLE = Problem("home-unusable", "Name a folder that you may write to with --home or QCOT_HOME.")
KEY_LOST = Problem(
    "key-lost", "Restore it from your backup, or make another home with --home and enrol the boards there anew."
)
PUBLIC_KEY_FILE = Problem("public-key-file", "Copy the file again from the home where `qcot init` made it.")
NOT_TRUSTED = Problem("not-trusted", "Copy that installation's .pub file into the trusted folder named above.")


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
    def trusted(self) -> Path:
        """Public keys that this installation believes."""
        return self.path / "trusted"

    def settings(self) -> Settings:
        """Read qcot.toml and the QCOT_* variables; raises ``no-home`` or ``settings-broken``."""
        if not self.settings_file.exists():
            raise QcotError(NO_HOME, f"{self.path} holds no qcot.toml")
        return load_settings(self.settings_file)

    def bridge_key(self) -> SigningKey:
        """The bridge's ML-DSA-65 key; raises ``key-lost`` or ``key-file-...``."""
        return self._key("bridge.seed", ML_DSA_65)

    def gateway_key(self) -> SigningKey:
        """The gateway's ML-DSA-44 key; raises ``key-lost`` or ``key-file-...``."""
        return self._key("gateway.seed", ML_DSA_44)

    def _key(self, name: str, algorithm: Algorithm) -> SigningKey:
        path = self.keys / name
        if not path.exists():
            raise QcotError(KEY_LOST, f"{path} is not there")
        return SigningKey(algorithm, keyfile.load(path))

    def trusted_bridges(self) -> dict[str, PublicKey]:
        """The bridges that the gateway listens to, by name."""
        files = sorted((self.trusted / "bridges").glob("*.pub"))
        return {file.stem: read_public_key(file, ML_DSA_65) for file in files}

    def trusted_gateway(self, name: str) -> PublicKey:
        """The key that receipts and checkpoints of gateway ``name`` are judged by; raises ``not-trusted``."""
        file = self.trusted / "gateways" / f"{name}.pub"
        if not file.exists():
            raise QcotError(NOT_TRUSTED, f"no key of gateway {name!r} at {file}")
        return read_public_key(file, ML_DSA_44)


def create_home(path: Path, settings: Settings) -> Home:
    """Make a home with new keys whose bridge and gateway trust each other.

    Raises:
        QcotError: ``home-exists`` when there is one, ``home-unusable`` when the folder cannot be written.
    """
    home = Home(path)
    if home.settings_file.exists():
        raise QcotError(HOME_EXISTS, f"{path} is a home already")
    try:
        for folder in (home.keys / "boards", home.trusted / "bridges", home.trusted / "gateways"):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (home.path, home.keys, home.keys / "boards", home.ledger.parent, home.outbox.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        bridge = SigningKey(ML_DSA_65, _seed(home.keys / "bridge.seed"))
        gateway = SigningKey(ML_DSA_44, _seed(home.keys / "gateway.seed"))
        write_public_key(home.trusted / "bridges" / f"{settings.bridge.name}.pub", bridge.public_key)
        write_public_key(home.trusted / "gateways" / f"{settings.gateway.name}.pub", gateway.public_key)
        home.settings_file.write_text(as_toml(settings), encoding="utf-8")  # last: it marks the home as whole
    except OSError as error:
        raise QcotError(HOME_UNUSABLE, f"{path}: {error.strerror}") from error
    return home


def _seed(path: Path) -> bytes:
    """A key that an interrupted run left is kept; no key is ever overwritten."""
    return keyfile.load(path) if path.exists() else keyfile.create(path)


def write_public_key(path: Path, key: PublicKey) -> None:
    """Write ``ALGORITHM base64`` as one line."""
    path.write_text(f"{key.algorithm.name} {base64.b64encode(key.raw).decode()}\n", encoding="ascii")


def read_public_key(path: Path, algorithm: Algorithm) -> PublicKey:
    """Read what :func:`write_public_key` wrote; raises ``public-key-file``."""
    try:
        name, text = path.read_text(encoding="ascii").split()
        key = PublicKey(ALGORITHMS[name], base64.b64decode(text, validate=True))
    except (OSError, ValueError, KeyError, binascii.Error) as error:
        raise QcotError(PUBLIC_KEY_FILE, f"{path} is not a public key file") from error
    if key.algorithm is not algorithm:
        raise QcotError(PUBLIC_KEY_FILE, f"{path} holds a key of {name}, {algorithm.name} is needed")
    return key
