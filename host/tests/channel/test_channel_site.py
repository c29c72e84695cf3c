"""The whole way with the channel on: a broker that is listened to, a key server in a process of its own, daemons."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import pytest
from board_peer import Board, PtyBoard
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.broker import Mosquitto, make_certificates
from qcot.home import create_home
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.reader import Reader
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify
from qcot.mqtt import MqttLink, all_bridges
from qcot.services import make_bridge, make_gateway
from qcot.settings import make_settings

WAIT_S = 60.0
QCOT = [sys.executable, "-c", "from qcot.cli.main import main; main()"]


def until(condition, what, wait_s=WAIT_S):
    end = time.monotonic() + wait_s
    while not (result := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
    return result


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """A home with one enrolled board, its broker and all that the broker sees."""

    def __init__(self, path, broker):
        self.kme_port = free_port()
        self.values = {
            "broker": {"port": broker.port},
            "gateway": {"interval_s": 2, "shots": 16},
            "bridge": {"wait_ms": 20, "readings": 8},
            "qkd": {"url": f"https://127.0.0.1:{self.kme_port}", "rekey_messages": 40},
        }
        self.home = create_home(path / "home", make_settings(self.values, "the test"))
        self._write()
        self.board = PtyBoard(Board(), path / "port")
        enroll(self.board.path, BoardRegistry(self.home.path), window=20)
        self.board.reset()
        self.sampled = 0
        self.seen = []
        self.spy = MqttLink(broker.host, broker.port, "spy")
        self.spy.subscribe(all_bridges("home", "tx"), lambda _topic, payload, ack: (self.seen.append(payload), ack()))
        self.spy.start()
        assert self.spy.wait_connected(WAIT_S)

    def _write(self):
        lines = ['site = "home"']
        for section, values in self.values.items():
            lines += [f"[{section}]"] + [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        self.home.settings_file.write_text("\n".join(lines))

    def set_channel(self, is_on):
        self.values["qkd"] = self.values["qkd"] if is_on else {}
        self._write()

    @contextmanager
    def kme(self):
        """`qcot kme serve`, killed at the end."""
        process = subprocess.Popen(
            [*QCOT, "kme", "serve", "--port", str(self.kme_port), "--photons", "200000", "--home", self.home.path],
            env=os.environ, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert "simulated" in process.stdout.readline()
            yield
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()

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
        trust = Trust(self.home.trusted_bridges(), VerifierKey("gateway", self.home.trusted_gateway("gateway")))
        with Reader.open(self.home.ledger) as reader:
            return verify(reader, trust)


def troubles(bridge):
    return {each.name: each.reason for each in bridge.snapshot().troubles}


@pytest.fixture
def site(tmp_path):
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(tmp_path))
        made = Site(tmp_path, broker)
        make_certificates(made.home.kme / "tls", "127.0.0.1", "bridge", "gateway")
        stack.callback(made.spy.stop, 0)
        stack.callback(made.board.__exit__)
        yield made


def test_a_broker_sees_nothing_and_a_gateway_or_key_server_that_goes_costs_nothing(site):
    device = site.board.board.device
    with site.gateway() as gateway, site.bridge() as bridge:
        site.sample(30)
        # Without a key server nothing goes out, and the reason is told.
        why = until(lambda: troubles(bridge).get("channel-no-key"), "the reason")
        assert "kme-unreachable" in why
        assert bridge.snapshot().outbox > 0
        assert site.seen == []
        with site.kme():
            site.all_stored(gateway)
            assert "qkd-only" in bridge.snapshot().channel
        # It went away, in the middle of an epoch: that goes on to its end, then what comes waits.
        until(lambda: site.sample(2) or "kme-unreachable" in bridge.snapshot().channel, "the end of the epoch")
        sent, stored = len(site.seen), site.stored(gateway)
        site.sample(20)
        until(lambda: bridge.snapshot().outbox > 0, "the outbox to keep them")
        assert len(site.seen) == sent <= 2 * 40
        assert site.stored(gateway) == stored
        with site.kme():
            site.all_stored(gateway)
            # A gateway that was started again has no key, and the server gives none twice.
            gateway.stop()
            site.sample(20)
            with site.gateway() as again:
                site.all_stored(again)
                assert "channel-key-unknown" in troubles(bridge)["channel-rekeyed"]
                site.sample(50)
                site.all_stored(again)
    assert bridge.snapshot().refused == 0
    raw = site.transactions()
    assert site.verified().holds
    assert len(site.seen) >= len(raw) > 3
    assert all(payload[0] == 0xD0 for payload in site.seen)
    for secret in (device, b"transaction", *(each[-64:] for each in raw)):
        assert not any(secret in payload for payload in site.seen)
    assert all(device in each for each in raw)  # the ledger has the signed transactions as they were


def test_ends_of_which_one_has_the_channel_off_say_so_and_lose_nothing(site):
    with site.kme(), ExitStack() as stack:
        gateway = stack.enter_context(site.gateway())
        site.set_channel(False)
        with site.bridge() as bridge:
            site.sample(20)
            until(lambda: "channel-plaintext" in troubles(bridge).get("channel-held-up", ""), "the reason")
            assert bridge.snapshot().channel == "off"
            assert gateway.snapshot().refused["channel-plaintext"] >= 1
            assert site.stored(gateway) == 0
            gateway.stop()
            with site.gateway() as plain:
                site.all_stored(plain)
                site.values["qkd"] = {"url": f"https://127.0.0.1:{site.kme_port}"}
                site._write()
                bridge.stop()
                with site.bridge() as sealing:
                    site.sample(20)
                    until(lambda: "channel-off" in troubles(sealing).get("channel-held-up", ""), "the reason")
                    plain.stop()
                    with site.gateway() as opening:
                        site.all_stored(opening)
                    assert sealing.snapshot().refused == 0
    assert site.verified().holds
