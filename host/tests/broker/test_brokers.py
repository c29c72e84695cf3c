import os
import queue
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest
from patience import PATIENCE_S
from qcot.broker import EmbeddedBroker, Mosquitto, make_certificates
from qcot.broker.mosquitto import SITE_FILES, adapt
from qcot.errors import QcotError
from qcot.mqtt import (
    MqttLink,
    TlsFiles,
    all_boards,
    all_bridges,
    board_topic,
    channel_topic,
    checkpoint_topic,
    receipt_topic,
    status_topic,
    tx_topic,
)


def name_of(raised) -> str:
    return raised.value.problem.name


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder, "127.0.0.1", "gateway", "bridge-1", "bridge-2")
    return folder


@pytest.fixture
def site(certificates, tmp_path):
    """Mosquitto as a site runs it: TLS, client certificates, ACL."""
    with Mosquitto(tmp_path, certificates=certificates) as broker:
        yield broker


@pytest.fixture
def join(site):
    made = []

    def connect(name, *subscriptions, client_id=None) -> tuple[MqttLink, queue.Queue]:
        inbox = queue.Queue()
        link = MqttLink(site.host, site.port, client_id or name, tls=site.client_files(name))
        for topic in subscriptions:
            link.subscribe(topic, lambda topic, payload, ack: (inbox.put((topic, payload)), ack()))
        made.append(link)
        link.start()
        assert link.wait_connected(PATIENCE_S), link.last_error
        return link, inbox

    yield connect
    for link in made:
        link.stop(flush_s=0)


def test_a_bridge_and_the_gateway_reach_each_other_over_tls(join):
    gateway, transactions = join("gateway", all_bridges("s", "tx"))
    bridge, receipts = join("bridge-1", receipt_topic("s", "bridge-1"), checkpoint_topic("s"))
    bridge.publish(tx_topic("s", "bridge-1"), b"tx")
    assert transactions.get(timeout=PATIENCE_S) == (tx_topic("s", "bridge-1"), b"tx")
    gateway.publish(receipt_topic("s", "bridge-1"), b"receipt")
    assert receipts.get(timeout=PATIENCE_S) == (receipt_topic("s", "bridge-1"), b"receipt")
    gateway.publish(checkpoint_topic("s"), b"checkpoint", retain=True)
    assert receipts.get(timeout=PATIENCE_S) == (checkpoint_topic("s"), b"checkpoint")


@pytest.mark.parametrize(
    "topic",
    [
        tx_topic("s", "bridge-2"),
        status_topic("s", "bridge-2"),
        receipt_topic("s", "bridge-1"),
        receipt_topic("s", "bridge-2"),
        checkpoint_topic("s"),
        "qcot/v1/s/bridge-1/tx/more",
    ],
)
def test_a_bridge_writes_nothing_but_its_own_topics(join, topic):
    watcher, seen = join("gateway", all_bridges("s", "tx"), all_bridges("s", "status"))
    victim, received = join("bridge-2", receipt_topic("s", "bridge-2"), checkpoint_topic("s"))
    bridge, own = join("bridge-1", receipt_topic("s", "bridge-1"), checkpoint_topic("s"))
    bridge.publish(topic, b"forged", retain=True)
    bridge.publish(tx_topic("s", "bridge-1"), b"own")  # comes after: a broker keeps one client's order
    assert seen.get(timeout=PATIENCE_S) == (tx_topic("s", "bridge-1"), b"own")
    for link, inbox, end in ((victim, received, "bridge-2"), (bridge, own, "bridge-1")):
        watcher.publish(receipt_topic("s", end), b"end")
        assert inbox.get(timeout=PATIENCE_S) == (receipt_topic("s", end), b"end")
        assert link.connected


def test_a_bridge_does_not_read_what_another_bridge_sends_or_is_sent(join):
    gateway, _ = join("gateway")
    _, spied = join(
        "bridge-1", tx_topic("s", "bridge-2"), receipt_topic("s", "bridge-2"), receipt_topic("s", "bridge-1")
    )
    other, _ = join("bridge-2")
    other.publish(tx_topic("s", "bridge-2"), b"private")
    gateway.publish(receipt_topic("s", "bridge-2"), b"private")
    gateway.publish(receipt_topic("s", "bridge-1"), b"own")
    assert spied.get(timeout=PATIENCE_S) == (receipt_topic("s", "bridge-1"), b"own")
    assert spied.empty()


@pytest.fixture
def ward(certificates, tmp_path):
    """The site's broker with the listener for boards, and who bed-1 and bed-2 are."""
    passwords = tmp_path / "boards.passwd"
    for flags, name in ((("-c", "-b"), "bed-1"), (("-b",), "bed-2"), (("-b",), "bridge-2")):
        subprocess.run(["mosquitto_passwd", *flags, passwords, name, f"of {name}"], check=True)
    with Mosquitto(tmp_path, certificates=certificates, boards=passwords) as broker:
        yield broker


def test_a_board_says_only_its_own_frames_and_hears_only_what_is_for_it(ward):
    bridge, told = MqttLink(ward.host, ward.port, "bridge-1", tls=ward.client_files("bridge-1")), queue.Queue()
    for leaf in ("up", "state"):
        bridge.subscribe(all_boards("s", "bridge-1", leaf), lambda topic, data, ack: (told.put((topic, data)), ack()))
    heard = queue.Queue()
    # A password lets nobody in as a bridge, whatever he is called.
    boards = [
        MqttLink(ward.host, ward.boards_port, name, username=name, password=f"of {name}")
        for name in ("bed-1", "bed-2", "bridge-2")
    ]
    for name, link in zip(("bed-1", "bed-2", "bridge-2"), boards, strict=True):
        for topic in (board_topic("s", "bridge-1", "bed-1", "down"), receipt_topic("s", "bridge-2"), "#"):
            link.subscribe(topic, lambda _topic, data, ack, name=name: (heard.put((name, data)), ack()))
    links = [bridge, *boards]
    try:
        for link in links:
            link.start()
            assert link.wait_connected(PATIENCE_S), link.last_error
        bed_1, up_1 = boards[0], board_topic("s", "bridge-1", "bed-1", "up")
        for link in boards[1:]:
            for leaf in ("up", "state", "down"):
                link.publish(board_topic("s", "bridge-1", "bed-1", leaf), b"forged")
            link.publish(tx_topic("s", "bridge-2"), b"forged")
        boards[1].publish(board_topic("s", "bridge-1", "bed-2", "up"), b"of bed-2")
        assert told.get(timeout=PATIENCE_S) == (board_topic("s", "bridge-1", "bed-2", "up"), b"of bed-2")
        bed_1.publish(up_1, b"of bed-1")
        assert told.get(timeout=PATIENCE_S) == (up_1, b"of bed-1")
        bridge.publish(board_topic("s", "bridge-1", "bed-1", "down"), b"for bed-1")
        assert heard.get(timeout=PATIENCE_S) == ("bed-1", b"for bed-1")
        assert told.empty()
        assert heard.empty()
    finally:
        for link in links:
            link.stop(flush_s=0)


def test_a_board_without_its_password_is_not_let_in(ward):
    for user, password in (("bed-1", "of bed-2"), ("bed-9", "of bed-9"), (None, None)):
        link = MqttLink(ward.host, ward.boards_port, "x", username=user, password=password, back_off_s=(0.05, 0.1))
        link.start()
        end = time.monotonic() + PATIENCE_S
        while link.last_error is None:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert not link.connected
        link.stop(flush_s=0)


def test_a_gateways_offer_of_a_channel_reaches_the_bridges(join):
    gateway, _ = join("gateway")
    gateway.publish(channel_topic("s", "gateway"), b"offer", retain=True)
    _, offers = join("bridge-1", channel_topic("s", "gateway"))
    assert offers.get(timeout=PATIENCE_S) == (channel_topic("s", "gateway"), b"offer")


def test_a_client_id_cannot_be_taken_from_another_client(join):
    gateway, seen = join("gateway", all_bridges("s", "tx"))
    bridge, _ = join("bridge-1", client_id="gateway")
    bridge.publish(tx_topic("s", "bridge-1"), b"still there")
    assert seen.get(timeout=PATIENCE_S) == (tx_topic("s", "bridge-1"), b"still there")
    assert gateway.connected


@pytest.mark.parametrize("kind", ["stranger", "plain"])
def test_without_a_certificate_of_the_site_nobody_connects(site, tmp_path, kind):
    tls = None
    if kind == "stranger":
        make_certificates(tmp_path / "other", "127.0.0.1", "gateway")
        stranger = tmp_path / "other"
        tls = TlsFiles(site.client_files("gateway").ca, stranger / "gateway.crt", stranger / "gateway.key")
    link = MqttLink(site.host, site.port, "x", tls=tls, back_off_s=(0.05, 0.05))
    link.start()
    refused = site.log.read_text
    end = time.monotonic() + PATIENCE_S
    while not re.search("Client connection from .* failed|due to protocol error|bad", refused()):
        assert time.monotonic() < end, refused()
        time.sleep(0.02)
    assert not link.connected
    link.stop(flush_s=0)


def test_a_broker_with_another_authority_is_not_trusted(site, tmp_path):
    make_certificates(tmp_path / "other", "127.0.0.1", "gateway")
    mine = site.client_files("gateway")
    link = MqttLink(site.host, site.port, "x", tls=TlsFiles(tmp_path / "other" / "ca.crt", mine.certificate, mine.key))
    link.start()
    end = time.monotonic() + PATIENCE_S
    while link.last_error is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert not link.connected
    link.stop(flush_s=0)


def test_a_key_that_others_can_read_is_refused(certificates, tmp_path):
    key = tmp_path / "gateway.key"
    shutil.copy(certificates / "gateway.key", key)
    key.chmod(0o640)
    with pytest.raises(QcotError) as raised:
        TlsFiles(certificates / "ca.crt", certificates / "gateway.crt", key).context()
    assert name_of(raised) == "mqtt-key-mode"


@pytest.mark.parametrize("missing", ["ca.crt", "gateway.crt", "gateway.key"])
def test_a_missing_tls_file_is_named(certificates, missing):
    paths = [
        certificates / (f"no-{name}" if name == missing else name) for name in ("ca.crt", "gateway.crt", "gateway.key")
    ]
    with pytest.raises(QcotError, match=f"no-{missing}") as raised:
        TlsFiles(*paths).context()
    assert name_of(raised) == "mqtt-tls-files"


def test_the_script_makes_private_keys_and_leaves_what_is_there(certificates):
    before = {path.name: path.read_bytes() for path in certificates.iterdir()}
    make_certificates(certificates, "127.0.0.1", "gateway", "bridge-9")
    after = {path.name: path.read_bytes() for path in certificates.iterdir()}
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"bridge-9.key", "bridge-9.crt"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in certificates.glob("*.key")} == {0o600}
    text = subprocess.run(
        ["openssl", "verify", "-purpose", "sslclient", "-CAfile", "ca.crt", "bridge-9.crt"],
        cwd=certificates, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert text == "bridge-9.crt: OK\n"


@pytest.mark.parametrize(
    "bad", [["x"], ["x", "a/b"], ["x", "ca"], ["x", "server"], ["x", "a b"], ["a b", "b"], ["x", ""]]
)
def test_the_script_refuses_names_that_cannot_be_clients(tmp_path, bad):
    with pytest.raises(QcotError) as raised:
        make_certificates(tmp_path / "tls", *bad)
    assert name_of(raised) == "certificates-not-made"
    assert not (tmp_path / "tls").exists()


def test_mosquitto_keeps_retained_messages_over_a_kill(tmp_path):
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        link = MqttLink(broker.host, broker.port, "a")
        link.start()
        link.publish(checkpoint_topic("s"), b"kept", retain=True)
        assert link.wait_connected(PATIENCE_S)
        link.stop()
        end = time.monotonic() + PATIENCE_S
        while not (broker.database.exists() and b"kept" in broker.database.read_bytes()):
            assert time.monotonic() < end
            time.sleep(0.05)
        broker.kill()
        broker.start()
        inbox = queue.Queue()
        again = MqttLink(broker.host, broker.port, "b")
        again.subscribe(checkpoint_topic("s"), lambda _topic, payload, ack: (inbox.put(payload), ack()))
        again.start()
        assert inbox.get(timeout=PATIENCE_S) == b"kept"
        again.stop()
    finally:
        broker.stop()


@pytest.mark.parametrize("kind", ["embedded", "mosquitto"])
def test_a_port_that_is_taken_is_named(tmp_path, kind):
    with EmbeddedBroker() as first:
        second = EmbeddedBroker(port=first.port) if kind == "embedded" else Mosquitto(tmp_path, port=first.port)
        with pytest.raises(QcotError) as raised:
            second.start()
        assert name_of(raised) == ("broker-not-started" if kind == "embedded" else "mosquitto-not-started")


def test_mosquitto_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_args, **_options: None)
    with pytest.raises(QcotError) as raised:
        Mosquitto(tmp_path).start()
    assert name_of(raised) == "mosquitto-missing"


def test_the_tests_run_the_sites_configuration_but_for_addresses_and_paths():
    conf = (SITE_FILES / "mosquitto.conf").read_text()
    adapted = adapt(conf, {"listener": "1 127.0.0.1", "cafile": None, "user": "me"})
    changed = set(conf.splitlines()) ^ set(adapted.splitlines())
    assert changed == {"listener 8883", "listener 1 127.0.0.1", "cafile /etc/qcot/tls/ca.crt", "user me"}


def test_the_units_start_commands_that_exist():
    commands = {
        path.stem: re.search(r"^ExecStart=(.*)$", path.read_text(), re.M)[1]
        for path in (SITE_FILES / "systemd").iterdir()
    }
    assert commands == {
        "qcot-broker": "/usr/sbin/mosquitto -c /etc/qcot/mosquitto.conf",
        "qcot-bridge": "/opt/qcot/.venv/bin/qcot bridge",
        "qcot-gateway": "/opt/qcot/.venv/bin/qcot gateway",
    }
    assert os.access("/usr/sbin/mosquitto", os.X_OK)
