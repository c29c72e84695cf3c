"""Readings: exactly what the ADC read, in one chain, at the rates that were set, losses told."""

from itertools import pairwise

import pytest
from qcot.boards.enroll import enroll
from qcot.link.events import SawResult, SessionOpened
from qcot.link.messages import Code

A0, A1 = 0, 1
CHIP_INPUT = 8  # of the multiplexer


def sampled(board, channel=A0):
    return [each.value for each in board.adc_log() if each.channel == channel]


def index_of(registry, name):
    """The channel of that name of the one board that is enrolled."""
    return [channel.name for channel in registry.boards()[0].channels].index(name)


def enrolled(board, registry, connect, rate=100_000, channel=A0):
    """A session with a board that samples only ``channel``."""
    enroll(board.port, registry)
    host = connect()
    host.opened()
    assert host.configure(channel, rate).code is Code.OK
    return host


def test_a_board_samples_nothing_before_it_is_told_to(board, registry, connect):
    enroll(board.port, registry)
    host = connect()
    host.opened()
    assert host.status(lambda status: status.time > 3000).head == 0


@pytest.mark.reads_signal
def test_every_value_that_the_adc_read_comes_once_and_in_order(board, registry, connect):
    host = enrolled(board, registry, connect)
    host.until(lambda: len(host.values(A0)) >= 300, "300 readings")
    assert host.configure(A0, 0).code is Code.OK
    status = host.status(lambda status: status.base == status.head)
    host.until(lambda: host.resume.seq == status.head, "the rest")
    assert host.values(A0) == sampled(board)
    assert host.losses() == status.lost == 0


@pytest.mark.reads_signal
@pytest.mark.parametrize(("rate", "wanted"), [(200_000, 100), (37_000, 40), (1_000, 3)])
def test_a_rate_is_kept_to_by_the_boards_own_clock(board, registry, connect, rate, wanted):
    host = enrolled(board, registry, connect, rate)
    host.until(lambda: len(host.values(A0)) >= wanted, f"{wanted} readings")
    times = [r.time for event in host.took for r in event.readings.readings() if r.channel == A0]
    period = (times[-1] - times[0]) / (len(times) - 1)
    assert abs(period - 1_000_000 / rate) <= 0.02 * 1_000_000 / rate + 1 / (len(times) - 1)


def test_each_channel_has_its_own_rate(board, registry, connect):
    host = enrolled(board, registry, connect, 50_000)
    supply = index_of(registry, "supply")
    assert host.configure(A1, 10_000).code is Code.OK
    assert host.configure(supply, 5_000).code is Code.OK
    host.until(lambda: len(host.values(supply)) >= 10, "10 readings of the supply")
    assert len(host.values(A0)) > 2 * len(host.values(A1)) > 2 * len(host.values(supply))
    assert all(4_000 < millivolts < 6_000 for millivolts in host.values(supply))


@pytest.mark.reads_signal
@pytest.mark.reads_chip
def test_the_temperature_of_the_chip_is_read_between_the_readings_of_an_input(board, registry, connect):
    host = enrolled(board, registry, connect, 10_000)
    chip = index_of(registry, "chip")
    assert host.configure(chip, 1_000).code is Code.OK
    host.until(lambda: len(host.values(chip)) >= 4, "4 temperatures")
    assert host.configure(chip, 0).code is Code.OK
    assert host.configure(A0, 0).code is Code.OK
    status = host.status(lambda status: status.base == status.head)
    host.until(lambda: host.resume.seq == status.head, "the rest")
    assert all(2_400 < value < 2_600 for value in host.values(chip))  # the emulator's chip has 25 degrees
    assert host.values(A0) == sampled(board)
    settled = [each for each in board.adc_log() if each.channel == CHIP_INPUT]
    assert len(settled) == 241 * len(host.values(chip))  # each after 240 conversions of settling
    times = [r.time for event in host.took for r in event.readings.readings() if r.channel == A0]
    assert {after - before for before, after in pairwise(times)} <= {99, 100, 101}


@pytest.mark.reads_signal
@pytest.mark.reads_chip
def test_a_rate_at_which_the_chip_cannot_be_read_is_refused(board, registry, connect):
    host = enrolled(board, registry, connect, 1_000)
    chip = index_of(registry, "chip")
    assert host.configure(chip, 30_001).code is Code.BAD_RATE
    assert host.configure(chip, 30_000).code is Code.OK
    host.until(lambda: len(host.values(chip)) >= 30, "30 temperatures")


@pytest.mark.reads_chip
def test_the_temperature_of_the_chip_waits_while_an_input_is_too_fast(board, registry, connect):
    host = enrolled(board, registry, connect, 50_000)
    chip = index_of(registry, "chip")
    assert host.configure(chip, 1_000).code is Code.OK
    host.until(lambda: len(host.values(A0)) >= 150, "3 seconds of readings")
    assert host.values(chip) == []
    assert host.configure(A0, 20_000).code is Code.OK
    host.until(lambda: len(host.values(chip)) >= 2, "temperatures beside a slower input")


@pytest.mark.cuts_power
def test_rates_outlive_a_power_cut(board, registry, connect):
    host = enrolled(board, registry, connect, 50_000)
    host.close()
    board.power_cycle()
    again = connect()
    again.opened()
    again.until(lambda: len(again.values(A0)) >= 20, "readings at the remembered rate")


@pytest.mark.parametrize(
    ("channel", "rate", "code"),
    [(0, 99, Code.BAD_RATE), (0, 200_001, Code.BAD_RATE), (0, 2**32 - 1, Code.BAD_RATE), (99, 1_000, Code.BAD_CHANNEL)],
)
def test_an_absurd_configuration_is_refused_by_name_and_changes_nothing(board, registry, connect, channel, rate, code):
    enroll(board.port, registry)
    host = connect()
    host.opened()
    host.session.configure(channel, rate)
    assert host.next(SawResult).code is code
    assert host.status().head == 0


def test_a_lost_acknowledgement_brings_the_same_frame_again_and_no_reading_twice(board, registry, connect):
    host = enrolled(board, registry, connect)
    host.acknowledges = False
    host.until(lambda: host.session.counters.repeated >= 1, "a repeated frame")
    host.acknowledges = True
    host.session.acknowledge(host.resume.epoch, host.resume.seq)
    before = len(host.values(A0))
    host.until(lambda: len(host.values(A0)) >= before + 50, "the stream to go on")
    seqs = [r.seq for event in host.took for r in event.readings.readings()]
    assert seqs == list(range(len(seqs)))


@pytest.mark.reads_signal
@pytest.mark.small_ring
def test_a_ring_that_overflows_says_in_the_chain_how_many_it_lost(board, registry, connect):
    host = enrolled(board, registry, connect, 200_000)
    host.acknowledges = False
    full = host.status(lambda status: status.lost >= 5)
    host.acknowledges = True
    host.session.acknowledge(host.resume.epoch, host.resume.seq)
    assert host.configure(A0, 0).code is Code.OK
    status = host.status(lambda status: status.base == status.head > full.head)
    host.until(lambda: host.resume.seq == status.head, "the rest")
    assert host.losses() == status.lost >= 5
    assert len(host.values(A0)) + host.losses() == len(sampled(board))


@pytest.mark.small_ring
def test_the_stack_keeps_a_margin_where_it_is_deepest(board, registry, connect):
    host = enrolled(board, registry, connect, 200_000)
    for channel in range(7):
        assert host.configure(channel, 50_000).code is Code.OK
    host.until(lambda: len(host.values(A1)) >= 50, "a second of all channels")
    assert host.status().free_ram >= 100


@pytest.mark.keeps_running
def test_a_host_that_comes_back_goes_on_where_it_was(board, registry, connect):
    host = enrolled(board, registry, connect)
    host.until(lambda: len(host.values(A0)) >= 50, "50 readings")
    resume = host.resume
    host.close()
    again = connect()
    again.resume = resume
    position = again.next(SessionOpened).position
    assert (position.epoch, position.seq) == (resume.epoch, resume.seq)
    again.until(lambda: len(again.values(A0)) >= 50, "50 more")
    assert again.took[0].readings.first == resume.seq


def test_a_reset_begins_a_new_epoch_at_reading_0(board, registry, connect):
    host = enrolled(board, registry, connect)
    host.until(lambda: len(host.values(A0)) >= 20, "20 readings")
    epoch = host.resume.epoch
    host.close()
    if hasattr(board, "reset"):
        board.reset()
    again = connect()
    again.resume = host.resume
    opened = again.opened()
    assert opened.opened.epoch > epoch
    assert opened.position.seq == 0
    again.until(lambda: bool(again.took), "readings of the new epoch")
    assert again.took[0].readings.first == 0
