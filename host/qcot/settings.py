"""The settings of one installation: qcot.toml, overridden by QCOT_* variables, checked all at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from qcot.errors import Problem, QcotError

SETTINGS_BROKEN = Problem("settings-broken", "Correct the lines named above in qcot.toml or in the QCOT_* variables.")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Rate = Annotated[float, Field(ge=0, le=200)]
"""Readings a second of one channel: 0 is off, else 0.1 to 200."""


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
    ports: tuple[str, ...] = ("auto",)
    readings: Annotated[int, Field(ge=1, le=2048)] = 64
    wait_ms: Annotated[int, Field(ge=10, le=60_000)] = 250
    rates: dict[str, dict[str, Rate]] = {}
    """Device id in hex, or ``*`` for every board, to channel name to readings a second."""


class GatewaySettings(_Section):
    """The gateway: when it closes a Qblock, and how it checks one."""

    name: Name = "gateway"
    interval_s: Annotated[float, Field(ge=0.2, le=3600)] = 10.0
    max_transactions: Annotated[int, Field(ge=1, le=100_000)] = 4096
    shots: Annotated[int, Field(ge=1, le=1_000_000)] = 1024


class Settings(BaseSettings):
    """Everything that an operator may set."""

    model_config = SettingsConfigDict(env_prefix="QCOT_", env_nested_delimiter="__", frozen=True, extra="forbid")

    site: Name = "home"
    origin: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._/-]+$")] | None = None
    policy: Name = "default"
    broker: BrokerSettings = BrokerSettings()
    bridge: BridgeSettings = BridgeSettings()
    gateway: GatewaySettings = GatewaySettings()

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
        return env_settings, init_settings


def load_settings(path: Path) -> Settings:
    """Read ``path`` (no file: the defaults) and the QCOT_* variables.

    Raises:
        QcotError: ``settings-broken``, naming every wrong value at once.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise QcotError(SETTINGS_BROKEN, f"{path} is not TOML: {error}") from error
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, each['loc']))}: {each['msg']} (found {each['input']!r})" for each in error.errors()
        ]
        raise QcotError(SETTINGS_BROKEN, f"{len(lines)} wrong in {path}:\n  " + "\n  ".join(lines)) from error


def as_toml(settings: Settings) -> str:
    """Return the commented file that ``qcot init`` writes; it holds ``settings`` exactly."""
    broker, bridge, gateway = settings.broker, settings.bridge, settings.gateway
    return f"""\
# Settings of this QCoT home. Any of them can be overridden: QCOT_SITE, QCOT_GATEWAY__INTERVAL_S, ...
site = "{settings.site}"
policy = "{settings.policy}"

[broker]
host = "{broker.host}"
port = {broker.port}
# For TLS (broker/make-certificates.sh makes all three):
# ca = "ca.crt"
# certificate = "bridge.crt"
# key = "bridge.key"

[bridge]
name = "{bridge.name}"
ports = ["auto"]        # or names: "/dev/serial/by-id/usb-Arduino...", "/dev/ttyACM0"
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
shots = {gateway.shots}            # of the local quantum check of each Qblock
"""


__all__ = ["BridgeSettings", "BrokerSettings", "GatewaySettings", "Settings", "as_toml", "load_settings"]
