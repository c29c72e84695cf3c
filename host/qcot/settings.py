"""The settings of one installation: qcot.toml, overridden by QCOT_* variables, checked all at once."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from qcot.errors import Problem, QcotError

SETTINGS_BROKEN = Problem("settings-broken", "Correct what is named above, in qcot.toml or in the variable.")

PREFIX = "QCOT_"
NOT_SETTINGS = {"QCOT_HOME", "QCOT_PROJECT"}
"""Variables of the same beginning that say where things are."""

NAME_PATTERN = r"[A-Za-z0-9_-]{1,64}"
Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
Cosigner = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,255}$")]
"""A witness's name, as C2SP signed-note has names of keys."""
SaeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


def _rate(value: float) -> float:
    if 0 < value < 0.1:
        raise ValueError("give 0 (off) or 0.1 to 200")
    return value


Rate = Annotated[float, Field(ge=0, le=200), AfterValidator(_rate)]
"""Readings a second of one channel: 0 is off, else 0.1 to 200."""


def _ports(value: object) -> object:
    """One port needs no brackets, in the file or in a variable."""
    return (value,) if isinstance(value, str) and not value.startswith("[") else value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BrokerSettings(_Section):
    """Where the MQTT broker is, and how to prove oneself to it."""

    host: str = "127.0.0.1"
    port: Port = 1883
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class BridgeSettings(_Section):
    """The bridge: its ports and how it batches."""

    name: Name = "bridge"
    ports: Annotated[tuple[str, ...], BeforeValidator(_ports)] = ("auto",)
    readings: Annotated[int, Field(ge=1, le=2048)] = 64
    wait_ms: Annotated[int, Field(ge=10, le=60_000)] = 250
    rates: dict[str, dict[str, Rate]] = {}
    """Device id in hex, or ``*`` for every board, to channel name to readings a second."""
    checkpoint_every: Annotated[int, Field(ge=0, le=1 << 32)] = 200_000
    """Readings between two signatures that a board makes itself; 0 is none. At 10 a second the default is 7 hours of
    them and a key of 1,024 leaves lasts ten months, at 100 a second 42 minutes and a month. Each signature stands for
    all readings of the boot before it."""


class GatewaySettings(_Section):
    """The gateway: when it closes a Qblock, and how it checks one."""

    name: Name = "gateway"
    interval_s: Annotated[float, Field(ge=0.2, le=3600)] = 10.0
    max_transactions: Annotated[int, Field(ge=1, le=100_000)] = 4096
    shots: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    backend: Annotated[str, Field(min_length=1, max_length=500)] = "ideal"
    witnesses: Annotated[tuple[Cosigner, ...], Field(max_length=15)] = ()
    """Whose cosignatures a checkpoint may have; ``quorum`` of them it needs. The gateway's certificate says both."""
    quorum: Annotated[int, Field(ge=0, le=15)] = 0

    @model_validator(mode="after")
    def _can_be_met(self) -> GatewaySettings:
        if self.quorum > len(set(self.witnesses)):
            raise ValueError(f"quorum {self.quorum} of {len(set(self.witnesses))} different witnesses")
        return self


class ChannelSettings(_Section):
    """How transactions are sealed between bridge and gateway; the same at both ends."""

    kem: Literal["ML-KEM-512", "ML-KEM-768", "ML-KEM-1024", "off"] = "ML-KEM-768"
    renew_s: Annotated[float, Field(ge=1, le=86_400)] = 3600.0
    rekey_s: Annotated[float, Field(ge=1, le=86_400)] = 3600.0
    rekey_messages: Annotated[int, Field(ge=16, le=1 << 20)] = 65_536
    rekey_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 40)] = 1 << 30


class QkdSettings(_Section):
    """Keys from a key server (ETSI GS QKD 014) besides ML-KEM's; none without ``url``."""

    url: Annotated[str, Field(pattern=r"^https://[^/\s?#@]+(/[^\s?#]*)?$", max_length=500)] | None = None
    tls: Path = Path("kme/tls")
    """Folder with ca.crt, and SAE.crt and SAE.key of each end that runs here."""
    saes: dict[Name, SaeId] = {}
    """SAE IDs of bridges and gateways, by their names, where the two differ."""

    def sae_of(self, name: str) -> str:
        """The SAE ID of bridge or gateway ``name``."""
        return self.saes.get(name, name)


class _Variables(EnvSettingsSource):
    """The QCOT_* variables: lists and tables in JSON, and what is not JSON as it stands, to be refused by its name."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class Settings(BaseSettings):
    """Everything that an operator may set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    site: Name = "home"
    origin: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._/-]+$")] | None = None
    policy: Name = "default"
    broker: BrokerSettings = BrokerSettings()
    bridge: BridgeSettings = BridgeSettings()
    gateway: GatewaySettings = GatewaySettings()
    channel: ChannelSettings = ChannelSettings()
    qkd: QkdSettings = QkdSettings()

    @property
    def log_origin(self) -> str:
        """The log's name in checkpoints (C2SP tlog-checkpoint)."""
        return self.origin or f"qcot.local/{self.site}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables go before the file's values, which come in as keyword arguments."""
        return _Variables(settings_cls), init_settings


def load_settings(path: Path) -> Settings:
    """Read ``path`` (no file: the defaults) and the QCOT_* variables.

    Raises:
        QcotError: ``settings-broken``, naming every wrong value at once.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except OSError as error:
        raise QcotError(SETTINGS_BROKEN, f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise QcotError(SETTINGS_BROKEN, f"{path} is not TOML: {error}") from error
    return make_settings(values, str(path))


def make_settings(values: dict[str, Any], where: str) -> Settings:
    """Check ``values``, which are from ``where``, and the QCOT_* variables; raises ``settings-broken``."""
    wrong = [f"{name}: no such setting" for name in _unknown_variables()]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        wrong += [f"{_named(each['loc'])}: {each['msg']} (found {each['input']!r})" for each in error.errors()]
    if wrong:
        raise QcotError(SETTINGS_BROKEN, f"{len(wrong)} wrong in {where} and the variables:\n  " + "\n  ".join(wrong))
    return settings


def settings_variables() -> list[str]:
    """The variables that are set and meant as settings, known or not."""
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in NOT_SETTINGS)


def _unknown_variables() -> list[str]:
    return [
        name for name in settings_variables() if name[len(PREFIX) :].lower().split("__")[0] not in Settings.model_fields
    ]


def _named(place: tuple[str | int, ...]) -> str:
    """The setting at ``place`` as the file names it, or the variable that overrode it."""
    for end in range(len(place), 0, -1):
        variable = PREFIX + "__".join(map(str, place[:end])).upper()
        if variable in os.environ:
            return variable
    return ".".join(map(str, place))


def as_toml(settings: Settings) -> str:
    """Return the commented file that ``qcot init`` writes; it holds ``settings`` exactly."""
    broker, bridge, gateway = settings.broker, settings.bridge, settings.gateway
    return f"""\
# Settings of this QCoT home. Any of them can be overridden: QCOT_SITE, QCOT_BRIDGE__PORTS, ...
site = "{settings.site}"
policy = "{settings.policy}"

[broker]
host = "{broker.host}"
port = {broker.port}
# For TLS (broker/make-certificates.sh makes all three); relative to this folder:
# ca = "ca.crt"
# certificate = "bridge.crt"
# key = "bridge.key"

[bridge]
name = "{bridge.name}"
# "auto" finds USB ports; or names: "/dev/serial/by-id/usb-Arduino...", "/dev/ttyACM0"
ports = {json.dumps(bridge.ports)}
readings = {bridge.readings}           # a transaction closes at this many readings (more under load) ...
wait_ms = {bridge.wait_ms}           # ... or after this time

# Readings a second of each channel, on every board; or under a board's id:
# [bridge.rates."*"]
# A0 = 100
# supply = 0.1

[gateway]
name = "{gateway.name}"
interval_s = {gateway.interval_s}       # a Qblock closes after this time ...
max_transactions = {gateway.max_transactions}  # ... or at this many transactions
shots = {gateway.shots}            # of the local quantum check of each Qblock ...
backend = {json.dumps(gateway.backend)}       # ... on this: ideal, noisy, noisy:FILE.json, ibm:NAME, MODULE:ATTRIBUTE
witnesses = {json.dumps(gateway.witnesses)}         # whose cosignatures checkpoints have; how many are needed:
quorum = {gateway.quorum}              # after a change, `qcot certificate request gateway`

# Transactions are sealed on their way (docs/channel.md); the same at both ends. "off" lets the broker read them.
[channel]
kem = "{settings.channel.kem}"      # ML-KEM-512, ML-KEM-768, ML-KEM-1024, off

# Keys of a key server go into the seal besides (docs/quantum/key-delivery.md); the same at both ends:
# [qkd]
# url = "https://127.0.0.1:8014"
"""


__all__ = [
    "BridgeSettings",
    "BrokerSettings",
    "ChannelSettings",
    "GatewaySettings",
    "QkdSettings",
    "Settings",
    "as_toml",
    "load_settings",
    "make_settings",
]
