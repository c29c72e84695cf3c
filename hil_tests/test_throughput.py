"""Full speed: two inputs at 200 Hz, everything else going on, judged by the board's own clock."""

from __future__ import annotations

from itertools import pairwise

import pytest
from qcot.boards.enroll import enroll
from qcot.link.messages import Code

CLOCK_HZ = 16_000_000
RATE_MHZ = 200_000
PERIOD = CLOCK_HZ * 1000 // RATE_MHZ
JITTER = CLOCK_HZ // 5000  # 0.2 ms
FOR_400 = 40_000  # cycles a reading


@pytest.mark.shows_led  # an AVR
@pytest.mark.reads_signal
def test_400_readings_a_second_leave_time_over_and_hashing_delays_no_sample(board, registry, connect):
    enroll(board.port, registry)
    host = connect()
    host.opened()
    for channel in (0, 1):
        assert host.configure(channel, RATE_MHZ).code is Code.OK
    host.until(lambda: len(host.values(1)) >= 100, "both inputs")
    begun, awake = board.cycles, board.awake_cycles
    host.until(lambda: len(host.values(1)) >= 900, "four seconds of both")
    ended, awake = board.cycles, board.awake_cycles - awake
    log = [each for each in board.adc_log() if begun <= each.at < ended]
    assert awake / len(log) < FOR_400
    for channel in (0, 1):
        at = [each.at for each in log if each.channel == channel]
        assert len(at) > 700
        assert all(abs(after - before - PERIOD) <= JITTER for before, after in pairwise(at))
        off = [cycle - at[0] - number * PERIOD for number, cycle in enumerate(at)]
        assert max(off) - min(off) <= 2 * JITTER
    assert [r.seq for event in host.took for r in event.readings.readings()] == list(range(host.resume.seq))
