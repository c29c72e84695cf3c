"""When a Qblock closes, what it closes, and what comes while its quantum part runs."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from gateway_site import TRUST
from patience import until
from qcot.errors import QcotError
from qcot.gateway.worker import RETRY_S, quantum_thread
from qcot.ledger import checkpoint
from qcot.ledger.receipts import Status
from qcot.ledger.verify import verify
from qcot.quantum.problems import RUN_FAILED
from qcot.quantum.qblock import run_local_check


@pytest.fixture
def busy():
    """Holds up the quantum thread until it is called."""
    release = threading.Event()
    quantum_thread().submit(release.wait)
    yield release.set
    release.set()


def assert_verifies(desk, bridge):
    result = verify(desk.books.ledger, TRUST)
    assert result.holds, result.failure


def test_a_qblock_closes_at_the_number_of_transactions(desk, bridge, board):
    one = desk(max_transactions=3)
    one.give(bridge.sign(board.enrolment()), bridge.sign(board.entry()))
    assert one.worker._closing is None
    one.give(bridge.sign(board.entry()))
    one.settle()
    header = one.books.ledger.header(0)
    assert (header.core.first_leaf, header.core.transactions, header.core.tree_size) == (0, 3, 3)
    assert len(one.checkpoints) == 1


def test_a_qblock_closes_at_the_interval_and_an_empty_interval_makes_none(desk, bridge, board):
    one = desk(interval_s=0.05)

    def wait_and_step():
        one.woken.wait(one.worker.wait_s(False))
        one.woken.clear()
        one.worker.step([], False)

    for _ in range(3):
        wait_and_step()
    assert one.books.ledger.height() == 0
    one.give(bridge.sign(board.enrolment()))
    while one.books.ledger.height() == 0:
        wait_and_step()
    assert one.books.ledger.header(0).core.transactions == 1


def test_what_comes_while_the_quantum_part_runs_waits_and_stands_right_behind_the_header(desk, bridge, board, busy):
    one = desk(max_transactions=2)
    first = [bridge.sign(board.enrolment()), bridge.sign(board.entry())]
    late = [bridge.sign(board.entry()), bridge.sign(board.entry())]
    assert [a.leaf for a in one.give(*first)] == [0, 1]
    assert one.give(late[0]) == []
    assert one.give(late[1]) == []
    assert one.acked == first  # neither answered nor acknowledged before it is stored
    busy()
    until(one.worker._closing.done, "the quantum part")
    assert [a.leaf for a in one.give()] == [3, 4]
    assert one.acked == first + late
    header = one.books.ledger.header(0)
    assert header.core.tree_size == 2
    assert one.books.ledger.leaf(2) == header.raw
    one.settle()
    assert one.books.ledger.header(1).core.first_leaf == 3
    assert_verifies(one, bridge)


def test_a_clock_that_goes_back_does_not_take_the_log_with_it(desk, bridge, board):
    one = desk()
    times = []
    for step in (0, -5_000, 3_000, -1):
        one.now += step
        one.give(*([bridge.sign(board.enrolment())] if not times else []), bridge.sign(board.entry()))
        one.settle()
        times.append(one.books.ledger.last_header.core.time)
    start = 1_700_000_000_000
    assert times == [start, start, start, start]
    one.now = start + 7
    one.give(bridge.sign(board.entry()))
    one.settle()
    assert one.books.ledger.last_header.quantum.phases.t_ms == 7
    assert_verifies(one, bridge)


def test_the_record_of_the_local_check_can_be_run_again(desk, bridge, board):
    one = desk(shots=200, seed=lambda: 4242)
    for _ in range(3):
        one.give(
            *([bridge.sign(board.enrolment())] if one.books.ledger.size() == 0 else []), bridge.sign(board.entry())
        )
        one.settle()
    headers = [one.books.ledger.header(height) for height in range(3)]
    patch = [header.quantum.phases for header in headers]
    assert run_local_check(patch, patch, 200, 4242) == headers[2].quantum.check
    assert headers[2].quantum.check.zeros_middle == 200


def test_after_a_restart_the_same_checkpoint_is_given_out_and_the_chain_goes_on(desk, bridge, board):
    one = desk()
    one.give(bridge.sign(board.enrolment()))
    one.settle()
    text = one.checkpoints[-1]
    one.stop()
    again = desk()
    assert again.books.checkpoint == text
    again.give(bridge.sign(board.entry()))
    again.settle()
    assert again.books.ledger.header(1).core.previous == again.books.ledger.header(0).hash
    assert checkpoint.parse(again.checkpoints[-1]).size == 4
    assert_verifies(again, bridge)


def test_a_quantum_run_that_fails_is_told_and_tried_again_and_loses_nothing(desk, bridge, board, monkeypatch):
    failures = [QcotError(RUN_FAILED, "the backend is away")]

    def failing(*args):
        if failures:
            raise failures.pop()
        return run_local_check(*args)

    monkeypatch.setattr("qcot.ledger.qblock.run_local_check", failing)
    one = desk(max_transactions=1)
    one.give(bridge.sign(board.enrolment()))
    until(one.worker._closing.done, "the quantum part")
    assert one.give() == []
    assert "quantum-run-failed" in one.worker.snapshot(True).trouble
    assert [event.kind for event in one.events].count("trouble") == 1
    assert 0 < one.worker.wait_s(False) <= RETRY_S
    one.worker._retry_at = 0
    assert one.give(bridge.sign(board.entry()))[0].status is Status.ACCEPTED
    one.settle()
    assert one.worker.snapshot(True).trouble is None
    assert_verifies(one, bridge)


def test_a_quantum_run_that_failed_at_the_interval_does_not_wait_for_the_next_one(desk, bridge, board, monkeypatch):
    def failing(*_):
        raise QcotError(RUN_FAILED, "the backend is away")

    monkeypatch.setattr("qcot.ledger.qblock.run_local_check", failing)
    one = desk(interval_s=3600.0)
    one.give(bridge.sign(board.enrolment()))
    one.worker._due = time.monotonic()
    one.give()
    until(one.worker._closing.done, "the quantum part")
    one.give()
    assert "quantum-run-failed" in one.worker.snapshot(True).trouble
    monkeypatch.undo()
    one.worker._retry_at = 0
    one.give()
    until(one.worker._closing.done, "the quantum part")
    one.give()
    assert one.books.ledger.height() == 1
    assert one.worker.wait_s(False) > 3000  # and the intervals go on


AFTERWARDS = """
import sys
from pathlib import Path
sys.path[:0] = {here!r}
from boards import Board, BridgeSide
from crash import make_config
from gateway_site import CHAIN
from qcot.gateway import Gateway
from qcot.gateway.inbox import Message
from qcot.quantum.qblock import run_local_check

bridge, board = BridgeSide(), Board()
for sequence in range(2):
    gateway = Gateway(make_config(Path({ledger!r}), CHAIN, port=1))
    entries = [board.entry()] if sequence else [board.enrolment()]
    gateway._inbox.put(Message("b1", bridge.sign(*entries), lambda: None))
    gateway.start()
    gateway.stop()
    patch = [gateway.snapshot().last_qblock.quantum.phases]
    print(gateway.snapshot().qblocks, run_local_check(patch * 3, patch * 3, 16, 1).zeros_newest)
"""


def test_when_a_gateway_has_stopped_its_process_may_go_on_with_quantum_checks(tmp_path):
    """Qiskit was first used on the gateway's thread, and crashes where that has ended."""
    program = AFTERWARDS.format(
        here=[str(Path(__file__).parents[at]) for at in range(2)], ledger=str(tmp_path / "ledger.db")
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1 16\n2 16\n"), done.stderr
