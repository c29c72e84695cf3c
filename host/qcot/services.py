"""The daemons of one home, built from its settings and keys. Either is loaded when it is made: few need both."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from qcot.certificates import certificate
from qcot.certificates.certificate import Role
from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError
from qcot.home import Home
from qcot.mqtt import TlsFiles
from qcot.settings import BrokerSettings, Settings

if TYPE_CHECKING:
    from qcot.bridge.config import Rates
    from qcot.bridge.daemon import Bridge
    from qcot.channel.opener import Unsealing
    from qcot.channel.sealer import Sealing
    from qcot.gateway.gateway import Gateway
    from qcot.kme.api import DeliveredKey
    from qcot.kme.client import KmeClient

NO_KME = Problem("kme-not-set", "Name a key server by url under [qkd] in qcot.toml, or by QCOT_QKD__URL.")
QKD_ALONE = Problem(
    "channel-off-with-qkd", "Set kem under [channel] to an ML-KEM, or take url under [qkd] away: one needs the other."
)
HALF_TLS = Problem("tls-incomplete", "Give ca, certificate and key together under [broker], or none of them.")


def tls_files(home: Home, broker: BrokerSettings) -> TlsFiles | None:
    """The TLS files of ``broker``, relative names taken from the home; raises ``tls-incomplete``."""
    given = (broker.ca, broker.certificate, broker.key)
    if not any(given):
        return None
    if broker.ca is None or broker.certificate is None or broker.key is None:
        raise QcotError(HALF_TLS, f"of ca, certificate and key, {sum(path is not None for path in given)} are given")
    return TlsFiles(home.path / broker.ca, home.path / broker.certificate, home.path / broker.key)


def kme_client(home: Home, name: str) -> KmeClient:
    """A client of the settings' key server as bridge or gateway ``name``; raises `kme-not-set` or `kme-tls-files`."""
    from qcot.kme.client import KmeClient
    from qcot.kme.tls import TlsFiles

    qkd = home.settings().qkd
    if qkd.url is None:
        raise QcotError(NO_KME, f"{home.settings_file} names no url under [qkd]")
    return KmeClient(qkd.url, TlsFiles.of(home.path / qkd.tls, qkd.sae_of(name)))


def _is_channel_on(settings: Settings) -> bool:
    """Raises `channel-off-with-qkd` where half of it is: nobody who names a key server means plain text."""
    if settings.channel.kem != "off":
        return True
    if settings.qkd.url is not None:
        raise QcotError(QKD_ALONE, "a key server is named, and kem under [channel] is off")
    return False


def _sealing(home: Home) -> Sealing | None:
    from qcot.channel.level import KEMS
    from qcot.channel.sealer import Rekey, Sealing

    settings = home.settings()
    if not _is_channel_on(settings):
        return None
    kem, channel, qkd = KEMS[settings.channel.kem], settings.channel, settings.qkd
    rekey = Rekey(channel.rekey_messages, channel.rekey_bytes, channel.rekey_s)
    if qkd.url is None:
        return Sealing(kem, rekey=rekey)
    client, gateway = kme_client(home, settings.bridge.name), qkd.sae_of(settings.gateway.name)
    return Sealing(kem, lambda: client.enc_keys(gateway)[0], rekey)


def _unsealing(home: Home) -> Unsealing | None:
    from qcot.channel.level import KEMS
    from qcot.channel.opener import Unsealing

    settings = home.settings()
    if not _is_channel_on(settings):
        return None
    kem, channel, qkd = KEMS[settings.channel.kem], settings.channel, settings.qkd
    if qkd.url is None:
        return Unsealing(kem, renew_s=channel.renew_s, lifetime_s=channel.rekey_s)
    client = kme_client(home, settings.gateway.name)

    def ask(bridge: str, key_id: uuid.UUID) -> DeliveredKey:
        return client.dec_keys(qkd.sae_of(bridge), [key_id])[0]

    return Unsealing(kem, ask, renew_s=channel.renew_s, lifetime_s=channel.rekey_s)


def gateway_key(home: Home, now: int) -> PublicKey:
    """The key that receipts are judged by: that of the gateway's certificate, if it holds ``now``, POSIX seconds.

    Raises `not-certified`, or by name what is wrong with the certificate.
    """
    register, kid = home.trust().register(), certificate.parse(home.certificate("gateway")).kid
    found = register.require(kid, Role.GATEWAY, now, home.settings().gateway.name)
    assert found.key is not None  # only a board has none
    return found.key


def make_bridge(home: Home, *, ports: tuple[str, ...] | None = None, rates: Rates | None = None) -> Bridge:
    """The bridge of ``home``, its ``ports`` and ``rates`` from the settings unless given.

    Raises whatever keeps it from starting, by name.
    """
    from qcot.bridge.config import BridgeConfig, Broker
    from qcot.bridge.daemon import Bridge
    from qcot.bridge.intake import Limits

    settings = home.settings()
    broker = settings.broker
    config = BridgeConfig(
        site=settings.site,
        name=settings.bridge.name,
        policy=settings.policy,
        home=home.path,
        key=home.bridge_key(),
        gateway=gateway_key(home, int(time.time())),
        broker=Broker(broker.host, broker.port, tls_files(home, broker)),
        ports=settings.bridge.ports if ports is None else ports,
        rates=settings.bridge.rates if rates is None else rates,
        limits=Limits(settings.bridge.readings, settings.bridge.wait_ms / 1000),
        checkpoint_every=settings.bridge.checkpoint_every,
        gateway_name=settings.gateway.name,
        sealing=_sealing(home),
    )
    return Bridge(config)


def make_gateway(home: Home) -> Gateway:
    """The gateway of ``home``; raises whatever keeps it from starting, by name."""
    from qcot.gateway.config import GatewayConfig
    from qcot.gateway.gateway import Gateway

    settings = home.settings()
    config = GatewayConfig(
        site=settings.site,
        name=settings.gateway.name,
        origin=settings.log_origin,
        ledger=home.ledger,
        key=home.gateway_key(),
        authority=home.root(),
        certificates=home.trust().certificates,
        host=settings.broker.host,
        port=settings.broker.port,
        tls=tls_files(home, settings.broker),
        interval_s=settings.gateway.interval_s,
        max_transactions=settings.gateway.max_transactions,
        shots=settings.gateway.shots,
        backend=settings.gateway.backend,
        unsealing=_unsealing(home),
    )
    return Gateway(config)
