"""Every refusal by its name, and what it leaves behind: nothing in the log, and the same answer the next time."""

import struct
from binascii import crc_hqx
from dataclasses import replace
from hashlib import sha256

import pytest
from boards import Board, BridgeSide
from gateway_site import GATEWAY_KEY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qcot.crypto import cbor, cose
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.gateway.books import CHECKPOINT_COST
from qcot.gateway.limits import Limits, Rate
from qcot.ledger import receipts, transactions
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.transactions import MAX_ENTRIES, CheckpointEntry, EnrolmentEntry
from qcot.mqtt import MAX_PAYLOAD

STRANGER = SigningKey(ML_DSA_65, bytes([9]) * 32)


def flipped(raw, at):
    at %= len(raw)
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def with_crc(data):
    return data + struct.pack("<H", crc_hqx(data, 0xFFFF))


# What nobody that the gateway knows has signed: not taken, and no sequence of the bridge is used up.
UNSIGNED = {
    "empty": ("bad-cbor", lambda bridge, board: b""),
    "junk": ("bad-cbor", lambda bridge, board: b"\xff" * 100),
    "truncated": ("bad-cbor", lambda bridge, board: bridge.sign(board.entry())[:-1]),
    "extended": ("bad-cbor", lambda bridge, board: bridge.sign(board.entry()) + b"\0"),
    "a receipt": (
        "bad-cose",
        lambda bridge, board: receipts.build(
            GATEWAY_KEY, site="home", bridge="b1", time=1, next_sequence=1, answers=()
        ),
    ),
    "oversize": ("oversize", lambda bridge, board: bytes(MAX_PAYLOAD + 1)),
    "signature flipped": ("bad-signature", lambda bridge, board: flipped(bridge.sign(board.entry()), -1)),
    "payload flipped": ("bad-signature", lambda bridge, board: flipped(bridge.sign(board.entry()), -3400)),
    "another key": ("certificate-unknown", lambda bridge, board: bridge.sign(board.entry(), key=STRANGER)),
    "another bridge's name": ("wrong-bridge", lambda bridge, board: bridge.sign(board.entry(), bridge="b2")),
}


def broken_link(bridge, board):
    board.link = bytes(32)
    return bridge.sign(board.entry())


def earlier_epoch(bridge, board):
    bridge_board = Board(epoch=0)
    return bridge.sign(bridge_board.entry())


def after_a_gap(bridge, board):
    board.readings()
    return bridge.sign(board.entry())


def repeated(bridge, board):
    again = Board()
    return bridge.sign(again.entry())


def another_key_for_the_device(bridge, board):
    return bridge.sign(replace(board.enrolment(), commitment=bytes(32)))


def opened_ahead(bridge, board):
    board.seq += 5
    return bridge.sign(board.entry(board.opened()))


# What the bridge has signed: refused for good, with its sequence used up, so that what follows is not held up.
SIGNED = {
    "another site": ("wrong-site", lambda bridge, board: bridge.sign(board.entry(), site="elsewhere")),
    "a board never enrolled": ("device-not-enrolled", lambda bridge, board: bridge.sign(Board(7).entry())),
    "a second key for an id": ("device-key-changed", another_key_for_the_device),
    "a wrong CRC": ("bad-frame", lambda bridge, board: bridge.sign(board.entry(flipped(board.readings(), -1)))),
    "a STATUS frame": ("bad-frame", lambda bridge, board: bridge.sign(board.entry(board.frame(0x06, bytes(24))))),
    "an undefined type": (
        "bad-frame",
        lambda bridge, board: bridge.sign(board.entry(with_crc(bytes([0x3F]) + bytes(5)))),
    ),
    "an earlier boot": ("stale-epoch", earlier_epoch),
    "readings left out": ("chain-gap", after_a_gap),
    "a board that is ahead": ("chain-gap", opened_ahead),
    "readings stored before": ("chain-repeated", repeated),
    "another chain": ("chain-broken", broken_link),
}


@pytest.fixture
def enrolled(desk, bridge, board):
    one = desk()
    (answer,) = one.give(bridge.sign(board.enrolment(), board.entry()))
    assert answer.status is Status.ACCEPTED
    return one


@pytest.mark.parametrize("case", UNSIGNED)
def test_what_no_known_bridge_signed_is_not_taken_and_uses_up_nothing(enrolled, bridge, board, case):
    name, make = UNSIGNED[case]
    payload = make(bridge, Board())
    bridge.sequence = 1
    (answer,) = enrolled.give(payload)
    # With another key the gateway would take it, so the bridge keeps it; what is malformed will never be right.
    status = Status.LATER if name in {"bad-signature", "wrong-bridge", "certificate-unknown"} else Status.REFUSED
    assert (answer.status, answer.leaf, answer.name) == (status, None, name)
    assert answer.reason
    assert enrolled.acked[-1] == payload
    assert enrolled.worker.snapshot(True).refused == {name: 1}
    assert enrolled.books.ledger.size() == 1
    (good,) = enrolled.give(bridge.sign(board.entry()))
    assert (good.status, good.sequence) == (Status.ACCEPTED, 2)


@pytest.mark.parametrize("case", SIGNED)
def test_what_does_not_follow_is_refused_for_good_and_holds_up_nothing(enrolled, desk, bridge, board, case):
    name, make = SIGNED[case]
    state = (board.seq, board.link, board.counter)
    payload = make(bridge, board)
    board.seq, board.link, board.counter = state
    (answer,) = enrolled.give(payload)
    assert (answer.status, answer.leaf, answer.name, answer.sequence) == (Status.REFUSED, None, name, 2)
    assert answer.reason
    assert enrolled.books.ledger.size() == 1
    (good,) = enrolled.give(bridge.sign(board.entry()))
    assert (good.status, good.sequence, good.leaf) == (Status.ACCEPTED, 3, 1)
    enrolled.stop()
    again = desk()
    assert again.give(payload) == [answer]
    assert again.worker.snapshot(True).refused == {name: 1}
    assert again.books.ledger.size() == 2


def test_a_transaction_by_another_bridges_topic_is_not_taken(desk, bridge, board):
    one = desk()
    raw = bridge.sign(board.enrolment())
    (answer,) = one.give(raw, bridge="b2")
    assert (answer.status, answer.name) == (Status.LATER, "certificate-unknown")
    assert one.give(raw)[0].status is Status.ACCEPTED
    (answer,) = one.give(bridge.sign(board.entry()), bridge="b2")
    assert (answer.status, answer.name) == (Status.LATER, "certificate-wrong-name")
    assert one.sent[-1][0] == "b2"


def test_another_transaction_under_a_used_sequence_is_refused(enrolled, bridge, board):
    (answer,) = enrolled.give(bridge.sign(board.entry(), sequence=1))
    assert (answer.status, answer.name) == (Status.REFUSED, "sequence-reused")


def test_a_transaction_before_its_time_is_asked_for_again_with_the_sequence_that_is_wanted(enrolled, bridge, board):
    second, third = bridge.sign(board.entry()), bridge.sign(board.entry())
    (answer,) = enrolled.give(third)
    assert (answer.status, answer.name) == (Status.LATER, "sequence-ahead")
    assert receipts.parse(enrolled.sent[-1][1]).next_sequence == 2
    assert [a.status for a in enrolled.give(second, third)] == [Status.ACCEPTED] * 2
    assert receipts.parse(enrolled.sent[-1][1]).next_sequence == 4


def test_the_same_transaction_again_changes_nothing_and_gets_the_same_answer(enrolled, desk, bridge, board):
    raw = bridge.sign(board.entry())
    first, twin = enrolled.give(raw, raw)
    assert first == twin
    assert enrolled.give(raw) == [first]
    before = (enrolled.books.ledger.size(), enrolled.worker.snapshot(True))
    assert before[1].transactions == 2
    assert before[1].readings == 28
    enrolled.stop()
    again = desk()
    assert again.give(raw) == [first]
    after = (again.books.ledger.size(), again.worker.snapshot(True))
    assert after == before


def test_a_limit_delays_and_never_drops(desk, bridge, board, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("qcot.gateway.worker.time.monotonic", lambda: clock[0])
    one = desk(limits=Limits(bridge=Rate(1, 2), device=Rate(14, 20)))
    enrolment, first, second = bridge.sign(board.enrolment()), bridge.sign(board.entry()), bridge.sign(board.entry())
    answers = one.give(enrolment, first, second)
    assert [a.status for a in answers] == [Status.ACCEPTED, Status.ACCEPTED, Status.LATER]
    assert answers[2].name == "limit"
    assert "bridge b1" in answers[2].reason
    clock[0] += 0.25
    assert one.give(second)[0].status is Status.LATER
    clock[0] += 0.75
    assert one.give(second)[0].status is Status.ACCEPTED
    third = bridge.sign(board.entry())
    clock[0] += 0.5
    assert "limit of " in one.give(third)[0].reason
    clock[0] += 10
    assert one.give(third)[0].status is Status.ACCEPTED


def test_a_device_over_its_limit_is_named(desk, bridge, board):
    one = desk(limits=Limits(device=Rate(0.001, 20)))
    answers = one.give(bridge.sign(board.enrolment(), board.entry()), bridge.sign(board.entry()))
    assert [a.status for a in answers] == [Status.ACCEPTED, Status.LATER]
    assert board.device.hex() in answers[1].reason


def test_a_board_that_signs_without_end_meets_its_limit_and_one_full_transaction_is_within_it(desk, bridge, board):
    one = desk(limits=Limits(device=Rate(0.001, 3 * CHECKPOINT_COST)))
    signed = [CheckpointEntry(board.device, 1, seq, bytes(32), b"signature") for seq in range(4)]
    answers = one.give(bridge.sign(board.enrolment()), bridge.sign(*signed[:2]), bridge.sign(*signed[2:]))
    assert [a.name for a in answers] == ["", "no-lms-key", "limit"]
    assert board.device.hex() in answers[2].reason
    assert Limits().device.burst >= MAX_ENTRIES * CHECKPOINT_COST


def test_answers_to_what_nobody_signed_are_limited_and_still_counted(desk):
    one = desk(limits=Limits(unsigned_answers=Rate(0.001, 3)))
    assert len(one.give(*[b"junk %d" % i for i in range(10)])) == 3
    assert one.worker.snapshot(True).refused == {"bad-cbor": 10}
    assert len(one.acked) == 10


def test_what_finds_no_room_is_told_to_come_again(enrolled, bridge, board):
    raw = bridge.sign(board.entry())
    enrolled.worker.turn_away("b1", raw)
    enrolled.worker.turn_away("nobody", raw)
    (answer,) = enrolled.give()
    assert (answer.status, answer.name, answer.hash) == (Status.LATER, "busy", sha256(raw).digest())
    assert enrolled.give(raw)[0].status is Status.ACCEPTED


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_stop_the_gateway(enrolled, bridge, data):
    """Junk, and a good transaction with any byte changed: refused, acknowledged, nothing stored."""
    good = BridgeSide().sign(Board().enrolment())
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    payload = data.draw(st.one_of(st.binary(max_size=300), st.just(changed)))
    size = enrolled.books.ledger.size()
    enrolled.give(payload)
    assert enrolled.acked[-1] == payload
    assert enrolled.books.ledger.size() == size


def test_an_enrolment_again_with_the_same_key_is_taken(enrolled, bridge, board):
    entry = board.enrolment()
    assert isinstance(entry, EnrolmentEntry)
    (answer,) = enrolled.give(bridge.sign(replace(entry, firmware=b"\0\2\0")))
    assert answer.status is Status.ACCEPTED


def test_receipts_stay_within_one_message(desk):
    one = desk(limits=Limits(unsigned_answers=Rate(0, 600)))
    long_name = "x" * 64
    reason = "\N{GRINNING FACE}" * 2000
    answers = [Answer(bytes(32), 1, Status.REFUSED, None, long_name, reason)] * 600
    raws = [raw for _, raw in one.books.receipts({"b1": answers}, 1)]
    assert max(map(len, raws)) < MAX_PAYLOAD
    found = [answer for raw in raws for answer in receipts.parse(raw).answers]
    assert len(found) == 600
    assert {answer.reason for answer in found} == {"\N{GRINNING FACE}" * 256}


def test_what_a_stranger_writes_is_quoted_in_part(desk):
    one = desk()
    payload = {1: 1, 2: "x" * 50_000, 3: "b1", 4: 1, 5: 1, 6: [0]}
    raw = cose.sign(STRANGER, transactions.KIND, cbor.encode(payload), "default")
    (answer,) = one.give(raw)
    assert (answer.name, len(answer.reason)) == ("bad-transaction", 1024)
    assert max(len(event.text) for event in one.events) < 1200
