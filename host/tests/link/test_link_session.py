"""The state machine against a board, with a clock that the test moves: each fault does what its name says."""

import os
from collections.abc import Callable

import pytest
from board_peer import CHANNELS, Board
from qcot.link import chain
from qcot.link.events import (
    Event,
    Resume,
    SawChannel,
    SawHello,
    SawResult,
    SawStatus,
    SessionOpened,
    TookReadings,
    Trouble,
)
from qcot.link.frames import FrameDecoder, seal, wire
from qcot.link.messages import Ack, Code, Hello, Opened, Readings, Result, Status
from qcot.link.session import LISTEN, PACE, Session

DEVICE = bytes.fromhex("0102030405060708")


class Line:
    """A board and a session with a line between them that can be bent; ``disk`` is what the host stored."""

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or Board(device=DEVICE, key=os.urandom(32))
        self.session = Session()
        self.now = 0.0
        self.disk = Resume()
        self.store = True
        self.events: list[Event] = []
        self.taken: list[tuple[int, int, int]] = []
        self.to_host: Callable[[bytes], bytes] = lambda data: data
        self.to_board: Callable[[bytes], bytes] = lambda data: data

    def step(self, seconds: float = 0.01) -> None:
        self.now += seconds
        self.hear(self.to_host(self.board.say(self.now)))
        self.board.hear(self.to_board(self.session.poll(self.now, self.events)))

    def hear(self, data: bytes) -> None:
        for event in self.session.receive(data, self.now):
            self.events.append(event)
            match event:
                case SawHello(hello=hello) if hello.enrolled:
                    self.session.open(hello, self.board.key, self.disk, os.urandom(16))
                case SessionOpened() if self.store:
                    self.disk = event.position
                case TookReadings() if self.store:
                    self.disk = event.position
                    self.taken += [(each.time, each.channel, each.value) for each in event.readings.readings()]
                    self.session.acknowledge(event.position.epoch, event.position.seq)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.step()

    def sample(self, count: int) -> None:
        for number in range(count):
            self.board.sample(number % 3, self.board.head * 7, self.board.head * 10)

    def troubles(self) -> list[str]:
        return [event.problem.name for event in self.events if isinstance(event, Trouble)]

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def line():
    made = Line()
    made.run(0.2)
    assert made.session.device == DEVICE
    return made


def test_a_session_opens_and_every_reading_arrives_once_in_order(line):
    line.sample(100)
    line.run(2.0)
    assert line.taken == line.board.sampled
    assert line.board.base == 100
    assert line.board.acks == sorted(line.board.acks)
    assert line.troubles() == []
    assert line.of(SawStatus)


def test_the_first_byte_on_the_line_is_a_delimiter():
    session = Session()
    session.poll(0.0)
    assert session.poll(LISTEN)[:1] == b"\0"


def test_a_host_is_silent_until_it_hears_a_frame_so_that_no_bootloader_takes_its_words_for_its_own():
    session = Session()
    assert [session.poll(at / 10) for at in range(30)] == [b""] * 30
    assert session.poll(LISTEN) != b""
    session = Session()
    assert session.poll(0.0) == b""
    list(session.receive(b"\x55\xaa\0garbage\0", 0.1))
    assert session.poll(0.2) == b""
    list(session.receive(b"\0" + wire(seal(Status.TYPE, bytes(24))), 0.3))
    assert session.poll(0.3) != b""


def test_nothing_is_acknowledged_before_it_is_stored(line):
    line.store = False
    line.sample(60)
    line.run(3.0)
    assert line.board.acks == []
    assert line.board.base == 0
    line.session.acknowledge(1, 28)
    line.run(0.1)
    assert line.board.acks == [28]


def test_an_acknowledgement_of_another_boot_or_beyond_what_was_taken_is_not_sent(line):
    line.store = False
    line.sample(14)
    line.run(0.1)
    for epoch, seq in ((2, 14), (1, 15), (1, 0)):
        line.session.acknowledge(epoch, seq)
    line.run(0.1)
    assert line.board.acks == []


def test_a_repeated_frame_is_acknowledged_again_and_not_taken_twice(line):
    line.to_board = lambda data: b""
    line.sample(14)
    line.run(2.5)
    assert line.session.counters.repeated >= 1
    line.to_board = lambda data: data
    line.run(2.0)
    assert line.board.base == 14
    assert line.taken == line.board.sampled


def test_lost_frames_in_both_directions_lose_no_reading(line):
    for number in range(40):
        line.sample(14)
        cut = number % 3
        line.to_host = (lambda data: data[:-9]) if cut == 0 else (lambda data: data)
        line.to_board = (lambda data: b"") if cut == 1 else (lambda data: data)
        line.run(0.05)
    line.to_host = line.to_board = lambda data: data
    line.run(40.0)
    assert line.taken == line.board.sampled
    assert line.session.counters.noise > 0
    assert line.session.counters.forged == 0


def test_noise_between_frames_is_counted_and_nothing_else(line):
    line.hear(b"\xff\x03noise\x00" + b"\x55" * 600 + b"\0")
    line.sample(14)
    line.run(0.2)
    assert line.session.counters.noise == 2
    assert line.troubles() == []
    assert line.taken == line.board.sampled


def test_a_replayed_frame_is_reported_and_not_taken(line):
    kept = []
    line.to_host = lambda data: (kept.append(data), data)[1]
    line.sample(14)
    line.run(0.2)
    line.hear(b"".join(kept))
    assert set(line.troubles()) == {"replayed"}
    assert line.taken == line.board.sampled


def test_a_frame_with_a_wrong_mac_is_reported_and_not_taken(line):
    start = chain.genesis(DEVICE, 1)
    records = chain.pack([chain.Reading(0, 1, 1, 1)])
    body = Readings(0, records, chain.extend(start, 0, records)).encode()
    from qcot.link.frames import MacKey

    line.hear(wire(seal(Readings.TYPE, body, 99, MacKey(b"another"))))
    assert line.troubles() == ["forged"]
    assert line.session.wanted == 0


def test_a_forged_hello_ends_no_session(line):
    line.hear(wire(seal(Hello.TYPE, Hello(1, DEVICE, 9, os.urandom(16), (0, 0, 0), bytes(32), 1, "x").encode())))
    line.sample(30)
    line.run(3.0)
    assert line.taken == line.board.sampled
    assert line.session.epoch == 1


def test_an_opened_without_the_key_opens_nothing():
    line = Line()
    thief = Board(device=DEVICE, key=os.urandom(32))
    line.to_host = lambda _: b""
    line.hear(thief.say(0.0))
    thief.hear(line.session.poll(0.1))
    line.hear(thief.say(0.2))
    assert line.session.device is None
    assert thief.counts["forged"] == 1


def test_a_reset_begins_a_new_chain_and_keeps_what_was_stored(line):
    line.sample(30)
    line.run(1.0)
    first = list(line.board.sampled)
    half = line.board.auth(Status(0, 0, 0, 0, 0, 0, 0, 0))[:9]
    line.hear(half)
    line.board.boot()
    line.sample(20)
    line.run(2.0)
    assert line.session.epoch == 2
    assert line.session.counters.noise == 1
    assert line.taken == first + line.board.sampled


def test_a_new_host_goes_on_where_the_disk_stands_and_frees_what_was_stored(line):
    line.to_board = lambda data: b""
    line.sample(28)
    line.run(0.3)
    assert line.disk.seq == 28
    assert line.board.base == 0
    line.to_board = lambda data: data
    line.session = Session()
    line.sample(5)
    line.run(2.0)
    assert line.taken == line.board.sampled
    assert line.session.counters.repeated == 0


def test_a_host_that_takes_over_in_mid_session_raises_no_alarm_over_frames_of_the_old_one(line):
    line.session = Session()
    line.to_board = lambda data: b""
    for _ in range(20):
        line.sample(14)
        line.run(0.05)
    line.hear(line.board.hello())
    line.step()
    line.run(0.3)
    line.to_board = lambda data: data
    line.run(8.0)
    assert line.taken == line.board.sampled
    assert line.troubles() == []


def test_an_opened_under_another_key_is_reported(line):
    line.session = Session()
    line.hear(b"\0" + line.board.hello())
    line.session.poll(line.now)
    line.hear(line.board.auth(Opened(DEVICE, 1, bytes(32), (1, 0, 0), 0, 0, chain.genesis(DEVICE, 1), 0)))
    assert line.troubles() == ["forged"]
    assert line.session.device is None


def test_a_host_whose_disk_lacks_what_the_board_gave_up_says_chain_gap(line):
    line.sample(28)
    line.run(1.0)
    line.session, line.disk = Session(), Resume()
    line.sample(14)
    line.run(3.0)
    assert [event.fatal for event in line.of(Trouble)] == [True]
    assert line.troubles() == ["chain-gap"]
    assert "goes on at reading 28 of boot 1" in line.of(Trouble)[0].reason


def test_a_boot_count_that_goes_back_is_a_chain_gap():
    line = Line()
    line.disk = Resume(7, 3, bytes(32))
    line.run(0.5)
    assert line.troubles() == ["chain-gap"]


def test_readings_that_do_not_fit_the_chain_end_the_session(line):
    line.sample(5)
    line.board.links[5] = bytes(32)
    line.run(0.5)
    assert line.troubles() == ["chain-broken"]
    assert line.taken == []
    line.sample(30)
    line.run(3.0)
    assert line.taken == []


def test_a_frame_that_comes_too_early_is_counted_and_the_board_repeats(line):
    line.sample(28)
    frames = FrameDecoder().feed(b"\0" + line.board.say(line.now))
    readings = [frame for frame in frames if frame.type == Readings.TYPE]
    line.hear(wire(readings[1].raw))
    assert line.troubles() == ["ahead"]
    assert line.session.wanted == 0
    line.run(3.0)
    assert line.taken == line.board.sampled


def test_a_lost_opened_costs_a_second_and_no_alarm():
    line = Line()
    line.to_host = lambda data: b"".join(
        wire(frame.raw) for frame in FrameDecoder().feed(b"\0" + data) if frame.type != Opened.TYPE
    )
    line.sample(20)
    line.run(1.5)
    assert line.board.mac is not None
    assert line.session.device is None
    line.to_host = lambda data: data
    line.run(4.0)
    assert line.taken == line.board.sampled
    assert line.session.counters.forged == 0


def test_readings_taken_while_a_new_session_is_on_offer_are_not_taken_twice(line):
    line.store = False
    line.sample(14)
    line.run(0.1)
    # The board asks anew with 14 readings taken and not stored; what it sends meanwhile must not move the chain.
    line.disk, line.store = line.of(TookReadings)[-1].position, True
    line.taken += line.board.sampled
    line.sample(10)
    line.hear(line.board.hello() + line.board.say(line.now))
    assert line.session.wanted == 14
    line.run(3.0)
    assert line.taken == line.board.sampled


def test_a_silent_board_is_offline_after_six_seconds_and_asked_again(line):
    line.to_host = lambda data: b""
    line.run(5.9)
    line.run(0.3)
    assert not line.session.online(line.now)
    sent = []
    line.to_board = lambda data: (sent.append(data), data)[1]
    line.run(2.0)
    assert any(frame.type == 0x41 for frame in FrameDecoder().feed(b"\0" + b"".join(sent)))
    line.to_host = lambda data: data
    line.run(1.5)
    assert line.session.online(line.now)


def test_channels_are_described_and_rates_set_in_order(line):
    for index in range(len(CHANNELS)):
        line.session.describe(index)
    line.session.configure(1, 50_000)
    line.session.configure(2, 99)
    line.session.configure(9, 1000)
    line.run(0.5)
    assert [event.channel for event in line.of(SawChannel)] == list(CHANNELS)
    assert line.board.rates == {1: 50_000}
    assert [(event.code, event.channel) for event in line.of(SawResult)] == [
        (Code.OK, 1),
        (Code.BAD_RATE, 2),
        (Code.BAD_CHANNEL, 9),
    ]
    assert line.session.idle


@pytest.mark.parametrize("code", Code)
def test_outside_a_session_a_board_may_say_no_and_nothing_else(line, code):
    line.run(0.1)
    line.session.configure(0, 1000)
    before = len(line.events)
    line.hear(wire(seal(Result.TYPE, Result(2, code, 0).encode())))
    (told,) = line.events[before:]
    if code in (1, 2, 5, 6, 7):  # docs/link-protocol.md, RESULT codes
        assert told == SawResult(code, 0, None, authenticated=False)
    else:
        assert (told.problem.name, line.session.counters.forged) == ("forged", 1)
    line.run(0.1)
    assert line.board.rates == {0: 1000}  # a hint answers no command


def test_a_command_that_is_lost_is_sent_again_and_one_that_is_never_answered_is_told(line):
    line.to_board = lambda data: b""
    line.session.configure(0, 1000)
    line.run(0.6)
    line.to_board = lambda data: data
    line.run(0.6)
    assert line.board.rates == {0: 1000}
    line.to_board = lambda data: b""
    line.session.configure(0, 2000)
    line.run(4.0)
    assert "no-answer" in line.troubles()


def test_commands_are_paced_for_a_small_receive_buffer(line):
    line.session.describe(0)
    line.session.describe(1)
    line.store = False
    line.sample(14)
    line.hear(line.board.say(line.now))
    line.session.acknowledge(1, 14)
    first = line.session.poll(line.now)
    assert [frame.type for frame in FrameDecoder().feed(b"\0" + first)] == [Ack.TYPE]
    assert line.session.poll(line.now + PACE / 2) == b""
    assert line.session.poll(line.now + PACE) != b""


def test_a_replayed_command_is_refused_by_the_board(line):
    sent = []
    line.to_board = lambda data: (sent.append(data), data)[1]
    line.session.configure(1, 1000)
    line.run(0.1)
    line.board.rates.clear()
    line.board.hear(b"".join(sent))
    assert line.board.rates == {}
    assert line.board.counts["replayed"] == 1


def test_waking_when_told_to_is_enough(line):
    line.sample(50)
    line.session.configure(0, 1000)
    while line.board.base < 50:
        line.hear(line.board.say(line.now))
        line.board.hear(line.session.poll(line.now))
        line.now = max(line.session.wake(line.now), line.now + 1e-6)
        assert line.now < 60
    assert line.taken == line.board.sampled
