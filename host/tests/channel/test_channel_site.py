"""The whole way with the channel on: a broker that is listened to and meddled with, a key server, both daemons."""

import json
import os
import shutil
import socket
import time
import uuid
from contextlib import ExitStack, contextmanager

import pytest
from board_peer import Board, PtyBoard
from patience import PATIENCE_S, until
from qcot.authority import registration
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.broker import Mosquitto, make_certificates
from qcot.channel import handshake
from qcot.channel.level import LEVELS
from qcot.channel.secret import Names
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.home import Home
from qcot.kme.delivery import Kme
from qcot.kme.server import KmeServer
from qcot.kme.tls import TlsFiles
from qcot.ledger.reader import Reader
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify
from qcot.mqtt import MqttLink, all_bridges, channel_topic, tx_topic
from qcot.quantum.qkd.store import Key
from qcot.services import make_bridge, make_gateway
from qcot.settings import make_settings

UNCERTIFIED = "certificate-unknown"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """A home with one enrolled board, its broker and all that the broker sees on the way to the gateway."""

    def __init__(self, founded, path, broker, qkd=False, **channel):
        self.kme_port = free_port()
        self.values = {
            "broker": {"port": broker.port},
            "gateway": {"interval_s": 2, "shots": 16},
            "bridge": {"wait_ms": 20, "readings": 8},
            "channel": channel,
            "qkd": {"url": f"https://127.0.0.1:{self.kme_port}"} if qkd else {},
        }
        self.home = Home(shutil.copytree(founded, path / "home"))
        self._write()
        self.board = PtyBoard(Board(), path / "port")
        enrolled = enroll(self.board.path, BoardRegistry(self.home.path), window=20)
        registration.register_board(self.home, enrolled.board, int(time.time()))
        self.board.reset()
        self.sampled = 0
        self.seen = []
        self.link = MqttLink(broker.host, broker.port, "stranger")
        self.link.subscribe(all_bridges("home", "tx"), lambda _topic, payload, ack: (self.seen.append(payload), ack()))
        self.link.start()
        assert self.link.wait_connected(PATIENCE_S)

    def _write(self):
        lines = ['site = "home"']
        for section, values in self.values.items():
            lines += [f"[{section}]"] + [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        self.home.settings_file.write_text("\n".join(lines))

    def set_channel(self, **channel):
        self.values["channel"] = channel
        self._write()

    def publish(self, *payloads, topic=None):
        """As a stranger on the broker."""
        for payload in payloads:
            self.link.publish(topic or tx_topic("home", "bridge"), payload)

    @contextmanager
    def kme(self):
        """A key server on its port, over TLS, that goes away without a word at the end."""
        files = TlsFiles.of(self.home.kme / "tls", "server")
        with Kme(self.home.kme, capacity=64) as kme:
            kme.fill([Key(uuid.uuid4(), os.urandom(32)) for _ in range(16)])
            with KmeServer(kme, files, port=self.kme_port):
                yield

    @contextmanager
    def daemon(self, made):
        made.start()
        try:
            yield made
        finally:
            made.stop()

    def gateway(self):
        return self.daemon(make_gateway(self.home))

    def bridge(self):
        return self.daemon(make_bridge(self.home, ports=(self.board.path,)))

    def sample(self, count):
        with self.board.lock:
            for _ in range(count):
                self.board.board.sample(0, self.sampled % 1024, self.sampled * 10)
                self.sampled += 1

    def stored(self, gateway):
        state = gateway.snapshot().devices.get(self.board.board.device)
        return state.next_seq if state else 0

    def all_stored(self, gateway):
        until(lambda: self.stored(gateway) == self.sampled, "every reading in the ledger")

    def transactions(self):
        with Reader.open(self.home.ledger) as reader:
            return [raw for _, raw in reader.leaves() if raw[0] == 0xD2]

    def verified(self):
        trust = Trust(self.home.root(), "home", self.home.chain("gateway"))
        with Reader.open(self.home.ledger) as reader:
            return verify(reader, trust)


def troubles(bridge):
    return {each.name: each.reason for each in bridge.snapshot().troubles}


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    """A home with its authority: that one signs for a third of a second."""
    path = tmp_path_factory.mktemp("founded") / "home"
    return registration.found(path, make_settings({}, "the test"), int(time.time())).path


@pytest.fixture
def site(tmp_path, founded):
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(tmp_path))

        def make(**options):
            made = Site(founded, tmp_path, broker, **options)
            stack.callback(made.link.stop, 0)
            stack.callback(made.board.__exit__)
            return made

        yield make


def test_whoever_has_the_broker_reads_nothing_and_what_it_repeats_or_makes_is_refused_by_name(site):
    site = site()
    offers = []
    site.link.subscribe(channel_topic("home", "gateway"), lambda _topic, raw, ack: (offers.append(raw), ack()))
    with site.bridge() as bridge:
        site.sample(10)
        # Without a gateway nothing goes out.
        why = until(lambda: troubles(bridge).get("channel-no-offer"), "the reason")
        assert "no offer of gateway gateway" in why
        assert site.seen == []
        with site.gateway() as gateway:
            site.all_stored(gateway)
            until(lambda: bridge.snapshot().channel.startswith("ML-KEM-768, epoch "), "the state")
            opening, first = until(lambda: site.seen[:2] if len(site.seen) > 1 else None, "what the broker saw")
            stranger = SigningKey(ML_DSA_65, bytes(32))
            junk = handshake.build_opening(
                stranger, names=Names("home", "bridge", "gateway"), level=LEVELS["ML-KEM-768"],
                offer=handshake.parse_opening(opening).offer, ciphertext=bytes(1088), epoch=1, key_id=None,
                certificates=(),
            )  # fmt: skip
            site.publish(opening, first, first[:-1] + bytes([first[-1] ^ 1]), junk, b"plain")
            site.publish(b"junk", offers[0][:-1] + b"x", topic=channel_topic("home", "gateway"))
            wanted = {"channel-replayed", "channel-forged", UNCERTIFIED, "channel-plaintext"}
            until(lambda: wanted <= gateway.snapshot().refused.keys(), "the refusals")
            until(lambda: "channel-offer-refused" in troubles(bridge), "the bridge's word")
            site.sample(10)
            site.all_stored(gateway)
        old = list(site.seen)
        site.sample(10)
        with site.gateway() as again:  # it has none of the keys any more
            until(lambda: again.snapshot().connected, "the broker")
            site.publish(*old)
            site.all_stored(again)
            until(lambda: again.snapshot().refused.get("channel-key-unknown", 0) >= 2, "the refusals")
    assert bridge.snapshot().refused == 0
    raw = site.transactions()
    assert site.verified().holds
    kinds = [handshake.is_opening(payload) for payload in site.seen if payload[0] in (0xD0, 0xD2)]
    assert kinds.count(False) >= len(raw) > 2
    device = site.board.board.device
    for secret in (device, b"transaction", *(each[-64:] for each in raw)):
        assert not any(secret in payload for payload in site.seen)
    assert sum(device in each for each in raw) > 2  # which the ledger has as they were


def test_a_gateway_or_key_server_that_goes_costs_nothing_and_no_key_is_done_without(site):
    site = site(qkd=True, rekey_messages=40)
    make_certificates(site.home.kme / "tls", "127.0.0.1", "bridge", "gateway")
    with site.gateway() as gateway, site.bridge() as bridge:
        site.sample(30)
        # Without a key server nothing goes out, and the reason is told.
        why = until(lambda: troubles(bridge).get("channel-no-key"), "the reason")
        assert "kme-unreachable" in why
        assert bridge.snapshot().outbox > 0
        assert site.seen == []
        with site.kme():
            site.all_stored(gateway)
            until(lambda: bridge.snapshot().channel.startswith("ML-KEM-768+QKD, epoch "), "the state")
        # It went away, in the middle of an epoch: that goes on to its end, then what comes waits.
        until(lambda: site.sample(2) or "kme-unreachable" in bridge.snapshot().channel, "the end of the epoch")
        sent, stored = len(site.seen), site.stored(gateway)
        site.sample(20)
        until(lambda: bridge.snapshot().outbox > 0, "the outbox to keep them")
        assert len(site.seen) == sent
        assert site.stored(gateway) == stored
        with site.kme():
            site.all_stored(gateway)
            # A gateway that was started again has no key, and the server gives none twice.
            gateway.stop()
            site.sample(20)
            with site.gateway() as again:
                site.all_stored(again)
    assert bridge.snapshot().refused == 0
    assert site.verified().holds


def test_ends_that_are_not_set_alike_say_so_send_nothing_and_lose_nothing(site):
    site = site(kem="ML-KEM-1024")
    with site.gateway() as gateway:
        site.set_channel(kem="ML-KEM-512")
        with site.bridge() as bridge:
            site.sample(10)
            why = until(lambda: troubles(bridge).get("channel-offer-refused"), "the reason")
            assert "channel-level: it is of ML-KEM-1024, this bridge is set to ML-KEM-512" in why
            assert (site.seen, site.stored(gateway)) == ([], 0)
        site.set_channel(kem="off")
        with site.bridge() as bridge:
            assert bridge.snapshot().channel == "off"
            until(lambda: "channel-plaintext" in troubles(bridge).get("channel-held-up", ""), "the reason")
            assert site.stored(gateway) == 0
    site.set_channel(kem="ML-KEM-1024")
    with site.bridge() as bridge:
        site.set_channel(kem="off")
        with site.gateway() as gateway:  # the broker still has the offer of the one before
            until(lambda: "channel-off" in troubles(bridge).get("channel-held-up", ""), "the reason")
            assert site.stored(gateway) == 0
        site.set_channel(kem="ML-KEM-1024")
        with site.gateway() as gateway:
            site.all_stored(gateway)
            until(lambda: bridge.snapshot().channel.startswith("ML-KEM-1024, epoch "), "the state")
    assert bridge.snapshot().refused == 0
    assert site.verified().holds


def test_a_key_server_that_is_named_where_the_channel_is_off_is_an_error(site):
    site = site(qkd=True, kem="off")
    for make in (make_bridge, make_gateway):
        with pytest.raises(QcotError, match="channel-off-with-qkd"):
            make(site.home)
