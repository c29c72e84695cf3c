"""Time: what a host says of a reading's time is within the error that it states, of a board whose crystal is off.

Simulated: the board runs in the emulator, stepped, and its ADC log says in which cycle each sample was taken. A second
of true time is 16,000,000 cycles times what the crystal is off; nothing here waits for a wall's clock. The host's times
are the cycle in which a frame's last byte was said, later by 1 to 20 ms as a USB line and a busy host make it.
"""

import random
import secrets
from pathlib import Path

import pytest
from qcot.boards.avr import AvrBoard
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.stepped import CLOCK_HZ, SteppedBoard
from qcot.bridge.clock import Clocks, sent_ms
from qcot.link import chain, keys
from qcot.link.events import Resume, SawHello, SawResult, SawStatus, SessionOpened, TookReadings
from qcot.link.frames import seal, wire
from qcot.link.messages import Code, Enrol
from qcot.link.session import Session

EPOCH_US = 1_790_000_000_000_000
MINUTE_US, RATE_MHZ = 60_000_000, 50_000
DEVICE, KEY = bytes(range(1, 9)), bytes(32)


class Line:
    """A host that hears a stepped board, in true time made of its cycles; ``off`` is by how much it is fast."""

    def __init__(self, board: SteppedBoard, off: float) -> None:
        self._board, self._off, self._chance = board, off, random.Random(5)
        self.session, self.clocks = Session(), Clocks()
        self.now_us, self.took = 0.0, []
        self._rest = b"\0" + wire(seal(Enrol.TYPE, Enrol(DEVICE, KEY, bytes(16)).encode()))

    def true_us(self, cycle: int) -> float:
        return cycle / CLOCK_HZ / (1 + self._off) * 1_000_000

    def run(self, until_us: float) -> None:
        while self.now_us < until_us:
            step = self._board.run(CLOCK_HZ // 50, self._rest)
            self.now_us = self.true_us(step.cycle)
            self._hear(step.said)
            self._rest = self.session.poll(self.now_us / 1_000_000)

    def _hear(self, said: bytes) -> None:
        heard_us = int(self.now_us + self._chance.uniform(1000, 20_000))
        at = EPOCH_US + heard_us, heard_us
        for event in self.session.receive(said, self.now_us / 1_000_000):
            match event:
                case SawHello(hello=hello) if hello.enrolled:
                    self.session.open(hello, KEY, Resume(), secrets.token_bytes(keys.NONCE_SIZE))
                case SessionOpened(opened=opened):
                    self._told(opened.time, at)
                    self.session.configure(0, RATE_MHZ)
                case SawResult(code=code):
                    assert code is Code.OK
                case SawStatus(status=status):
                    self._told(status.time, at)
                case TookReadings(readings=readings, position=position):
                    self._told(sent_ms(readings.records), at)
                    said_clock = self.clocks.of_frame(DEVICE, position.epoch, readings.records, at[0] // 1000)
                    self.took.append((readings, said_clock))
                    self.session.acknowledge(position.epoch, position.seq)

    def _told(self, board_ms: int, at: tuple[int, int]) -> None:
        assert self.clocks.observe(DEVICE, self.session.epoch, board_ms, at) is None


@pytest.mark.steps
@pytest.mark.parametrize("ppm", [5000, -5000])
def test_a_minute_after_its_start_a_board_half_a_percent_off_is_known_to_10_ms(env: str, tmp_path: Path, ppm: int):
    with EmulatedBoard.start(env, state_dir=tmp_path / "board", stepped=True, seed=3) as board:
        assert isinstance(board, AvrBoard)
        with board.stepped() as stepped:
            line = Line(stepped, ppm / 1_000_000)
            line.run(MINUTE_US + 5_000_000)
        sampled = [each.at for each in board.adc_log() if each.channel == 0]
    told = 0
    readings = [(each, frame, clock) for frame, clock in line.took for each in frame.readings()]
    for (each, frame, clock), cycle in zip(readings, sampled, strict=False):
        if clock is not None:
            off_us = clock.at(each.time, chain.span(frame.records)[0]) - EPOCH_US - line.true_us(cycle)
            assert abs(off_us) <= clock.error, each
            told += 1
    assert told > 40 * RATE_MHZ // 1000
    assert line.took[-1][1].error <= 10_000
    assert abs(line.took[-1][1].rate + ppm * 1000) <= 150_000
