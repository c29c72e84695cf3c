"""SIGKILL between any two writes: nothing given out is taken back, nothing is lost or doubled, the ledger verifies."""

import shutil

from boards import Board, BridgeSide
from crash import make_config, run_until_killed
from gateway_site import CHAIN, TRUST, Desk
from qcot.ledger import receipts
from qcot.ledger.reader import Reader
from qcot.ledger.receipts import Status
from qcot.ledger.verify import verify


def script():
    """Steps of one bridge: enrolment, readings, a refused one in the middle, a repetition, and two Qblocks and more."""
    bridge, board = BridgeSide(), Board()
    enrolment = bridge.sign(board.enrolment(), board.entry())
    first = bridge.sign(board.entry(), board.entry())
    refused = bridge.sign(Board(7).entry())
    second, third = bridge.sign(board.entry()), bridge.sign(board.entry())
    steps = [[enrolment, first], [refused, first, second], [third], [bridge.sign(board.entry())]]
    transactions = [enrolment, first, second, third, steps[-1][0]]
    return steps, transactions, refused


def test_killed_between_any_two_writes_a_gateway_goes_on_as_if_it_had_not_been(tmp_path):
    steps, transactions, refused = script()
    die_at, ended = 0, False
    kills = 0
    while not ended:
        die_at += 1
        folder = tmp_path / str(die_at)
        folder.mkdir()
        ledger = folder / "ledger.db"
        given, ended = run_until_killed(ledger, CHAIN, steps, die_at)
        kills += not ended
        desk = Desk(make_config(ledger, CHAIN))
        now = {answer.hash: answer for answer in desk.give(*(raw for step in steps for raw in step))}
        desk.settle()
        for kind, what in given:
            if kind == "receipt":
                for answer in receipts.parse(what).answers:
                    assert answer.status is Status.LATER or now[answer.hash] == answer
        with Reader.open(ledger) as reader:
            stored = [raw for _, raw in reader.leaves() if raw[0] == 0xD2]
            assert stored == transactions
            assert refused not in stored
            signed = dict(reader.checkpoints())
            for kind, what in given:
                assert kind != "checkpoint" or what in signed.values()
            assert len(signed) == reader.height()
            result = verify(reader, TRUST)
            assert result.holds, f"killed at {die_at}: {result.failure}"
            assert result.signed == result.size
        desk.stop()
        shutil.rmtree(folder)
    assert kills > 60
