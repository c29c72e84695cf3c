"""Boards whose line is the broker: native boards, their own MQTT client, a real broker and a bridge."""

import contextlib
import subprocess

import pytest
from bridge_site import BRIDGE, SITE, GatewayPeer, Home, troubles, view_of
from patience import PATIENCE_S, until
from qcot.boards.build import build
from qcot.boards.emulator import EmulatedBoard, Network
from qcot.boards.enroll import enroll
from qcot.boards.errors import CABLE_ONLY
from qcot.boards.ports import resolve
from qcot.bridge import mqtt_lines
from qcot.bridge.mqtt_lines import MAX_MESSAGE
from qcot.broker import EmbeddedBroker, Mosquitto
from qcot.errors import QcotError
from qcot.mqtt import MqttLink, all_boards, board_topic

RATES = {"*": {"A0": 50}}
LINES = ("mqtt:*",)


class Ward:
    """Native boards, enrolled over their ports, which then use the broker."""

    def __init__(self, home, broker, folder):
        self.home, self.broker, self.folder = home, broker, folder
        self.stack = contextlib.ExitStack()
        self.made = 0

    def board(self, name, *, enrolled=True, elf=None):
        self.made += 1
        network = Network(f"{self.broker.host}:{self.broker.port}", name, SITE, BRIDGE)
        running = EmulatedBoard.start("native", state_dir=self.folder / str(self.made), network=network, elf=elf)
        self.stack.enter_context(running)
        return running, self.home.enroll(running.port) if enrolled else None

    def publish(self, *messages):
        with contextlib.ExitStack() as stack:
            link = MqttLink(self.broker.host, self.broker.port, "stranger")
            stack.callback(link.stop)
            link.start()
            for topic, payload in messages:
                link.publish(topic, payload)
            until(lambda: link.connected and not link.queued)


class Watcher:
    """What boards on a broker say of being there."""

    def __init__(self, broker):
        self.states = []
        self._link = MqttLink(broker.host, broker.port, "watcher")
        topics = all_boards(SITE, BRIDGE, "state")
        self._link.subscribe(topics, lambda topic, payload, ack: (self.states.append(payload), ack()))
        self._link.start()

    def close(self):
        self._link.stop()


@pytest.fixture
def ward(home, mosquitto, tmp_path):
    made = Ward(home, mosquitto, tmp_path / "boards")
    with made.stack:
        yield made


def readings(gateway, device, epoch=None):
    """How many readings of a device the ledger has; it refuses a chain with a hole."""
    kept = gateway.ledger.readings
    return sum(len(each) for (board, at), each in kept.items() if board == device and epoch in (None, at))


def served(bridge, name):
    view = view_of(bridge, f"mqtt:{name}")
    return view if view and view.online else None


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_readings_come_over_the_broker_and_go_on_in_one_chain_after_it_restarts(kind, tmp_path, running):
    (tmp_path / "broker").mkdir()
    broker = Mosquitto(tmp_path / "broker") if kind == "mosquitto" else EmbeddedBroker()
    with contextlib.ExitStack() as stack:
        stack.enter_context(broker)
        gateway = stack.enter_context(GatewayPeer(broker))
        home = Home(tmp_path / "home")
        ward = Ward(home, broker, tmp_path / "boards")
        stack.enter_context(ward.stack)
        _, device = ward.board("bed-3")
        bridge = running(home.config(broker, ports=LINES, rates=RATES))
        until(lambda: readings(gateway, device) >= 60, "readings")
        epochs = {epoch for _, epoch in gateway.ledger.readings}
        broker.stop()
        until(lambda: not served(bridge, "bed-3"), "the line's end")
        broker.start()
        before = readings(gateway, device)
        until(lambda: readings(gateway, device) >= before + 60, "readings after the restart")
        assert {epoch for _, epoch in gateway.ledger.readings} == epochs  # the board was never reset
        assert until(lambda: served(bridge, "bed-3")).lost == 0
        assert not gateway.ledger.opened[2:]


def test_a_board_without_an_identity_stays_off_the_network(ward, home, mosquitto, gateway, running):
    with contextlib.closing(Watcher(mosquitto)) as watcher:
        seen = watcher.states
        blank, _ = ward.board("blank", enrolled=False)
        _, device = ward.board("bed-1")
        until(lambda: b"1" in seen, "the enrolled board")
        topics = (board_topic(SITE, BRIDGE, "blank", "down"),)
        ward.publish(*((topic, b"\0anything\0") for topic in topics))
        assert seen.count(b"1") == 1
        home.enroll(blank.port)
        until(lambda: seen.count(b"1") == 2, "the board once it has an identity")
        bridge = running(home.config(mosquitto, ports=("mqtt:bed-1",), rates=RATES))
        until(lambda: readings(gateway, device) > 0, "readings of the one that was named")
        assert view_of(bridge, "mqtt:blank") is None


def test_garbage_on_the_topics_of_boards_is_counted_and_readings_go_on(ward, home, mosquitto, gateway, running):
    _, device = ward.board("bed-3")
    bridge = running(home.config(mosquitto, ports=LINES, rates=RATES))
    until(lambda: served(bridge, "bed-3") and readings(gateway, device) >= 20, "readings")
    up, down = (board_topic(SITE, BRIDGE, "bed-3", leaf) for leaf in ("up", "down"))
    stranger = f"qcot/v1/{SITE}/{BRIDGE}/boards"
    ward.publish(
        (up, b"\0garbage\0"),
        (up, bytes(range(256))),
        (up, bytes(MAX_MESSAGE + 1)),
        (f"{stranger}/not a name/up", b"x"),
        (f"{stranger}/{'x' * 65}/state", b"1"),
        (board_topic(SITE, BRIDGE, "nobody", "state"), b"perhaps"),
        (down, b"\0garbage\0"),
        (down, b"x" * 300),
        (down, b"x" * 3000),
    )
    view = until(lambda: (view := served(bridge, "bed-3")) and view.counters.noise >= 2 and view, "noise")
    until(lambda: served(bridge, "bed-3") and served(bridge, "bed-3").board_noise >= 3, "what the board counts")
    before = readings(gateway, device)
    until(lambda: readings(gateway, device) >= before + 20, "readings after it")
    assert "line-message-refused" in troubles(bridge)
    assert view.counters.forged == 0
    assert sum(each.times for each in bridge.snapshot().troubles if each.name == "line-message-refused") == 4
    assert served(bridge, "bed-3").lost == 0


def test_a_flood_of_made_up_names_ends_no_board_s_session_and_leaves_no_ports(
    ward, home, mosquitto, gateway, running, monkeypatch
):
    monkeypatch.setattr(mqtt_lines, "MAX_BOARDS", 8)
    _, device = ward.board("bed-3")
    bridge = running(home.config(mosquitto, ports=LINES, rates=RATES))
    until(lambda: served(bridge, "bed-3") and readings(gateway, device) >= 10, "readings")
    sessions = len(gateway.ledger.opened)
    for flood in range(3):
        ward.publish(*((board_topic(SITE, BRIDGE, f"x-{flood}-{number}", "up"), b"\0x\0") for number in range(30)))
        until(lambda flood=flood: view_of(bridge, f"mqtt:x-{flood}-29"), "the last of them")
    until(lambda: len(bridge.snapshot().boards) == 8, "the others to be forgotten")
    before = readings(gateway, device)
    until(lambda: readings(gateway, device) >= before + 20, "readings after it")
    assert len(gateway.ledger.opened) == sessions
    assert "line-message-refused" in troubles(bridge)


def test_two_boards_by_one_name_do_not_mix_and_the_one_that_stays_is_served(ward, home, mosquitto, gateway, running):
    _, first = ward.board("bed-3")
    bridge = running(home.config(mosquitto, ports=LINES, rates=RATES))
    until(lambda: readings(gateway, first) >= 20, "readings of the first")
    double, second = ward.board("bed-3")
    until(lambda: readings(gateway, second) >= 1, "the second, which took the name")
    double.stop()
    before = readings(gateway, first)
    until(lambda: readings(gateway, first) >= before + 50, "the first alone")
    assert len({epoch for device, epoch in gateway.ledger.readings if device == first}) == 1
    until(lambda: (view := served(bridge, "bed-3")) and view.device == first.hex(), "the first, served")


def test_a_board_that_loses_its_power_is_offline_by_its_will(ward, home, mosquitto, gateway, running):
    board, device = ward.board("bed-3")
    bridge = running(home.config(mosquitto, ports=LINES, rates=RATES))
    until(lambda: readings(gateway, device) >= 10, "readings")
    board.power_off()
    until(lambda: not served(bridge, "bed-3"), "the will")
    assert "the board or the broker went away" in view_of(bridge, "mqtt:bed-3").reason
    board.power_on()
    until(lambda: len({epoch for _, epoch in gateway.ledger.readings}) == 2, "the next epoch")


SLOW_NAMES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found) {
    close(creat("asked", 0600));
    while (access("answered", F_OK)) usleep(1000);
    typeof(&getaddrinfo) real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(host, port, hints, found);
}
"""


def test_a_board_measures_while_a_name_server_lets_it_wait_for_the_broker_s_address(ward, mosquitto, tmp_path):
    """The C library's look-up is one that waits for the test."""
    names, program = tmp_path / "names.so", tmp_path / "program"
    compile_c = ["gcc", "-shared", "-fPIC", "-xc", "-", "-o", names]
    subprocess.run(compile_c, input=SLOW_NAMES, text=True, check=True)
    program.write_text(f'#!/bin/sh\ncd {tmp_path}\nLD_PRELOAD={names} exec {build("native").elf} "$@"\n')
    program.chmod(0o755)
    with contextlib.closing(Watcher(mosquitto)) as watcher:
        board, _ = ward.board("bed-7", enrolled=False, elf=program)
        enroll(board.port, ward.home.registry, rates={"A0": 50.0}, window=20)
        until((tmp_path / "asked").exists, "the question")
        before = len(board.adc_log())
        until(lambda: len(board.adc_log()) >= before + 20, "samples while it waits")
        assert b"1" not in watcher.states
        (tmp_path / "answered").touch()
        until(lambda: b"1" in watcher.states, "the board on the broker")


def test_a_broker_is_no_place_for_enrolment_and_firmware():
    with pytest.raises(QcotError) as caught:
        resolve("mqtt:bed-3")
    assert caught.value.problem is CABLE_ONLY


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mqtt", "nowhere"], "HOST:PORT"),
        (["--mqtt", ":1883"], "HOST:PORT"),
        (["--mqtt", "host:x"], "HOST:PORT"),
        (["--mqtt", "host:1883"], "--name is missing"),
        (["--mqtt", "host:1883", "--name", "a/b"], "1 to 64"),
        (["--mqtt", "host:1883", "--name", "a", "--site", "+"], "1 to 64"),
        (["--mqtt", f"{'x' * 300}:1883", "--name", "a"], "too long"),
        (["--mqtt", "host:1883", "--name", "a", "--user", "x" * 65], "at most 64"),
        (["--mqtt", "host:1883", "--name", "a", "--password-file", "/nonexistent"], "No such file"),
        (["--mqtt", "host:1883", "--name", "a", "--password-file", "open"], "chmod 600"),
        (["--mqtt", "host:1883", "--name", "a", "--password-file", "empty"], "one line"),
    ],
)
def test_options_that_cannot_be_are_named(options, said, tmp_path):
    for name, content, mode in (("open", "secret", 0o644), ("empty", "\n", 0o600)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(mode)
    done = subprocess.run(
        [build("native").elf, *options], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 2
    assert said in done.stderr
