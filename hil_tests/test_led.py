"""What the LED on D13 shows (docs/board.md): the state of the board, seen from across the room."""

import pytest
from qcot.boards.enroll import enroll
from qcot.link.messages import Code

A0 = 0
CLOCK_HZ = 16_000_000
STEP_CYCLES = CLOCK_HZ * 64 // 1000

pytestmark = pytest.mark.shows_led

PATTERNS = {
    "not enrolled": "#...............",
    "no session": "########........",
    "running": ".###############",
    "ring full": "####....####....",
}


def shown(board, step=lambda: None):
    """Which of the patterns fit what the LED shows for two rounds, at any phase; ``step`` plays the host meanwhile."""
    sure = []
    end = board.cycles + 2 * 16 * STEP_CYCLES
    while board.cycles < end or len(sure) < 60:
        step()
        at, lit, after = board.cycles, board.led, board.cycles
        if after - at < STEP_CYCLES // 8:  # else nobody knows when it was so
            sure.append((at, lit))
    return {
        name
        for name, pattern in PATTERNS.items()
        if any(fits(pattern, sure, phase * STEP_CYCLES // 4) for phase in range(64))
    }


def fits(pattern, sure, phase):
    """Whether each sighting agrees with the pattern begun at ``phase``; near an edge either will do."""
    slack = STEP_CYCLES // 3
    return all(
        lit in {pattern[(at + phase + off) // STEP_CYCLES % 16] == "#" for off in (-slack, 0, slack)}
        for at, lit in sure
    )


def test_the_led_tells_the_states_of_a_board_apart(board, registry, connect):
    host = connect()
    host.answers_hello = False
    host.hello()
    assert shown(board, host.step) == {"not enrolled"}
    host.close()
    enroll(board.port, registry)
    board.reset()  # where opening the port does not

    host = connect()
    host.answers_hello = False
    host.hello()
    assert shown(board, host.step) == {"no session"}
    host.answers_hello = True
    host.opened()
    assert host.configure(A0, 100_000).code is Code.OK
    assert shown(board, host.step) == {"running"}

    host.acknowledges = False
    host.status(lambda status: status.lost > 0)
    assert shown(board, host.step) == {"ring full"}
    host.acknowledges = True
    host.session.acknowledge(host.resume.epoch, host.resume.seq)
    before = len(host.values(A0))
    host.until(lambda: len(host.values(A0)) >= before + 150, "the ring to empty")
    assert shown(board, host.step) == {"running"}
