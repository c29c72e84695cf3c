"""Lines over the broker without a broker: what a link hands over, in any order, is what a port reads, or nothing."""

import contextlib
import os
import resource

import pytest
from characters import CHARACTERS
from hypothesis import given
from hypothesis import strategies as st
from qcot.bridge.mqtt_lines import FILES, MAX_BOARDS, MAX_MESSAGE, MAX_QUEUED, MqttLines
from qcot.errors import QcotError
from qcot.link.problems import LINE_AWAY, PORT_BUSY
from qcot.mqtt import board_topic


class Link:
    """A link to a broker that the test plays."""

    def __init__(self):
        self.handlers, self.published, self.queued, self.connected = {}, [], 0, True
        self.on_disconnect = None

    def subscribe(self, topic, handler):
        self.handlers[topic.rsplit("/", 1)[1]] = handler

    def publish(self, topic, payload):
        self.published.append((topic, payload))


class Site:
    def __init__(self, *patterns):
        self.link, self.refused = Link(), []
        self.lines = MqttLines(
            self.link,
            "s",
            "b",
            patterns or ("mqtt:*",),
            lambda _where, problem, _reason: self.refused.append(problem.name),
        )

    def say(self, leaf, payload, name="bed"):
        acknowledged = []
        self.link.handlers[leaf](f"qcot/v1/s/b/boards/{name}/{leaf}", payload, lambda: acknowledged.append(1))
        assert acknowledged == [1]


@given(st.lists(st.binary(max_size=MAX_MESSAGE + 2), max_size=20))
def test_messages_come_whole_in_order_and_between_delimiters(messages):
    site = Site()
    site.say("state", b"1")
    with contextlib.closing(site.lines.open("mqtt:bed")) as line:
        for message in messages:
            site.say("up", message)
        good = [each for each in messages if 0 < len(each) <= MAX_MESSAGE]
        assert line.read() == b"".join(b"\0" + each + b"\0" for each in good)
        assert line.read() == b""
        assert site.refused == ["line-message-refused"] * (len(messages) - len(good))


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_each_frame_is_a_message_of_its_own(frames):
    site = Site()
    site.say("state", b"1")
    with contextlib.closing(site.lines.open("mqtt:bed")) as line:
        frames = [frame.replace(b"\0", b"\1") for frame in frames]
        line.write(b"\0".join([b"", *frames, b""]))
    assert site.link.published == [(board_topic("s", "b", "bed", "down"), frame + b"\0") for frame in frames]


@given(st.lists(st.tuples(st.sampled_from(["up", "state"]), st.text(CHARACTERS, max_size=70), st.binary(max_size=3))))
def test_no_name_and_no_payload_is_too_strange(messages):
    site = Site()
    for leaf, name, payload in messages:
        site.say(leaf, payload, name.replace("/", ""))
    assert all(path.removeprefix("mqtt:").isascii() for path in site.lines.present())


@pytest.mark.parametrize("payload", [b"", b"2", b"11", b"1 ", b"x" * 600])
def test_a_state_that_is_none_is_told_and_changes_nothing(payload):
    site = Site()
    site.say("state", b"1")
    with contextlib.closing(site.lines.open("mqtt:bed")):
        site.say("state", payload)
        assert site.lines.present() == ["mqtt:bed"]
    assert site.refused == ["line-message-refused"]


def test_a_flood_that_nobody_reads_does_not_grow():
    site = Site()
    site.say("state", b"1")
    with contextlib.closing(site.lines.open("mqtt:bed")) as line:
        for _ in range(2_000):
            site.say("up", b"x" * MAX_MESSAGE)
        kept = 0
        while data := line.read():
            kept += data.count(b"\0x")
        assert 0 < kept < 500


def test_a_line_ends_with_the_board_or_the_broker_and_begins_anew():
    site = Site()
    with pytest.raises(QcotError) as caught:
        site.lines.open("mqtt:bed")
    assert caught.value.problem is LINE_AWAY
    for leave in (lambda: site.say("state", b"0"), lambda: site.link.on_disconnect("gone")):
        site.say("up", b"a frame tells that it is there, too")
        assert site.lines.present() == ["mqtt:bed"]
        line = site.lines.open("mqtt:bed")
        with pytest.raises(QcotError) as caught:
            site.lines.open("mqtt:bed")
        assert caught.value.problem is PORT_BUSY
        site.say("up", b"last")
        leave()
        assert line.read() == b"\0last\0"
        with pytest.raises(QcotError) as caught:
            line.read()
        assert caught.value.problem is LINE_AWAY
        line.close()
        assert site.lines.present() == []


def test_a_link_that_is_full_or_away_takes_nothing_and_the_protocol_repeats_it():
    site = Site()
    site.say("state", b"1")
    with contextlib.closing(site.lines.open("mqtt:bed")) as line:
        site.link.queued = MAX_QUEUED
        line.write(b"frame\0")
        site.link.queued, site.link.connected = 0, False
        line.write(b"frame\0")
    assert site.link.published == []


def test_only_the_boards_that_were_named_are_taken_and_no_more_than_a_limit():
    site = Site("auto", "mqtt:ward-*", "mqtt:lab")
    for name in ("ward-1", "lab", "labour", "kitchen"):
        site.say("state", b"1", name)
    assert site.lines.present() == ["mqtt:lab", "mqtt:ward-1"]
    for number in range(MAX_BOARDS + 5):
        site.say("state", b"1", f"ward-{number}")
    assert len(site.lines.present()) == MAX_BOARDS
    assert "line-message-refused" in site.refused


def test_names_that_somebody_makes_up_never_take_the_place_of_a_board_that_is_known():
    site = Site("mqtt:*", "mqtt:named")
    known = ("first", "named", "served")
    for name in known:
        site.say("state", b"1", name)
    for name in known[::2]:
        site.lines.proved(f"mqtt:{name}", name.encode())
    stranger = site.say("state", b"1", "stranger") or site.lines.open("mqtt:stranger")
    with contextlib.closing(site.lines.open("mqtt:served")) as line:
        for number in range(2 * MAX_BOARDS):
            site.say("up", b"hello", f"made-up-{number}")
        site.say("up", b"still here", "served")
        assert line.read() == b"\0still here\0"
    present = site.lines.present()
    assert len(present) == MAX_BOARDS
    assert {f"mqtt:{name}" for name in known} < set(present)
    assert site.lines.holds(f"mqtt:made-up-{2 * MAX_BOARDS - 1}")
    assert not site.lines.holds("mqtt:made-up-0")
    assert not site.lines.holds("mqtt:stranger")
    with pytest.raises(QcotError) as caught:
        stranger.read()
    assert caught.value.problem is LINE_AWAY
    site.say("state", b"1", "stranger")
    again = site.lines.open("mqtt:stranger")
    stranger.close()  # that is another line by now
    site.say("up", b"hello", "stranger")
    assert again.read() == b"\0hello\0"
    again.close()


def test_of_the_names_that_are_no_board_s_the_one_that_was_silent_for_longest_gives_way():
    site = Site()
    for number in range(MAX_BOARDS):
        site.say("up", b"hello", f"ward-{number}")
    site.say("up", b"hello", "ward-0")
    site.say("up", b"hello", "new")
    assert [site.lines.holds(f"mqtt:{name}") for name in ("ward-0", "ward-1", "ward-2", "new")] == [
        True, False, True, True,
    ]  # fmt: skip
    assert site.refused == ["line-message-refused"]


def test_a_board_keeps_one_name_and_where_all_are_boards_a_new_one_is_refused():
    site = Site()
    for number in range(MAX_BOARDS):
        site.say("state", b"1", f"ward-{number}")
        site.lines.proved(f"mqtt:ward-{number}", number.to_bytes(8, "big"))
    site.say("state", b"1", "new")
    assert not site.lines.holds("mqtt:new")
    site.lines.proved("mqtt:ward-7", bytes(8))  # which was ward-0 until now
    site.say("state", b"1", "new")
    assert site.lines.holds("mqtt:new")
    assert not site.lines.holds("mqtt:ward-0")
    assert site.refused == ["line-message-refused"] * 2


@pytest.fixture
def files():
    """Sets how many files may be open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_bridge_that_serves_boards_on_the_broker_may_open_a_line_for_each_name(files):
    files(1024)
    Site("auto")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 1024
    Site("mqtt:*")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft >= min(FILES, hard) >= 2 * MAX_BOARDS


def test_where_no_file_can_be_opened_a_line_is_away_and_comes_once_there_is_room(files):
    site = Site()
    site.say("state", b"1")
    with open(os.devnull) as lowest:  # noqa: PTH123  its number is the first that is free
        free = lowest.fileno()
    files(free + 1)
    with pytest.raises(QcotError) as caught:
        site.lines.open("mqtt:bed")
    assert caught.value.problem is LINE_AWAY
    files(free + 64)
    site.lines.open("mqtt:bed").close()


def test_a_bridge_that_names_no_board_on_the_broker_subscribes_to_none():
    assert Site("auto", "/dev/ttyACM0").link.handlers == {}
