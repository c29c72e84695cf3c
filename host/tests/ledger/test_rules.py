"""Rules of succession: each refusal by its name, and no order of deliveries that leaves a hole or a fork."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_site import SITE, START, Board, Site, standing
from qcot.ledger import rules
from qcot.ledger.rules import Accept, Device, Duplicate, Later, Refuse
from qcot.link import chain, frames, messages


@pytest.fixture
def board(site):
    return site.boards[0]


@pytest.fixture
def devices(board):
    return {board.device: Device(board.enrolment().commitment)}


def state(devices, sequence=1, known=None):
    return rules.State(SITE, sequence, devices, known or standing(1, 2, 9), START)


def judged(devices, site, *entries):
    return rules.judge_content(state(devices), site.transaction(*entries))


def refusal(devices, site, *entries) -> str:
    verdict = judged(devices, site, *entries)
    assert isinstance(verdict, Refuse), verdict
    return verdict.problem.name


def test_readings_follow_across_frames_and_transactions(devices, site, board):
    for count in (14, 1, 7):
        before = devices[board.device]
        verdict = judged(devices, site, board.readings(count), board.readings(count))
        assert [(run.first, run.count) for run in verdict.runs] == [
            (before.next_seq, count),
            (before.next_seq + count, count),
        ]
        assert verdict.runs[0].link_before in (before.link, chain.genesis(board.device, board.epoch))
        devices |= verdict.devices
        after = devices[board.device]
        assert (after.epoch, after.next_seq, after.link) == (board.epoch, board.seq, board.link)


def test_a_device_must_be_enrolled_before_its_first_frame_or_in_the_same_transaction(site, board):
    frame = board.readings()
    assert refusal({}, site, frame) == "device-not-enrolled"
    assert refusal({}, site, frame, board.enrolment()) == "device-not-enrolled"
    assert isinstance(judged({}, site, board.enrolment(), frame), Accept)


def test_a_device_may_be_enrolled_again_with_its_key_and_with_no_other(devices, site, board):
    devices |= judged(devices, site, board.readings()).devices
    again = judged(devices, site, replace(board.enrolment(), model="mega"), board.readings())
    assert again.devices[board.device].next_seq == 28
    other = replace(board.enrolment(), commitment=bytes(32))
    assert refusal(devices, site, other) == "device-key-changed"
    assert refusal({}, site, board.enrolment(), other) == "device-key-changed"


def test_a_hole_a_repetition_and_a_broken_link_have_names_of_their_own(devices, site, board):
    first, second, third = board.readings(), board.readings(), board.readings()
    assert refusal(devices, site, second) == "chain-gap"
    assert refusal(devices, site, first, third) == "chain-gap"
    assert refusal(devices, site, first, first) == "chain-repeated"
    other = Board(1)
    other.link = bytes(32)
    assert refusal(devices, site, first, replace(other.readings(), device=board.device)) == "chain-repeated"
    assert refusal(devices, site, other_link(board, first)) == "chain-broken"


def other_link(board, entry):
    body = messages.decode(frames.parse(entry.frame))
    return replace(entry, frame=board.seal(replace(body, link=bytes(32))))


def test_one_changed_reading_breaks_the_chain(devices, site, board):
    entry = board.readings()
    body = messages.decode(frames.parse(entry.frame))
    for at in range(len(body.records)):
        records = bytearray(body.records)
        records[at] ^= 1
        changed = replace(entry, frame=board.seal(replace(body, records=bytes(records))))
        assert refusal(devices, site, changed) == "chain-broken"


def test_a_later_epoch_starts_at_zero_under_its_genesis_and_there_is_no_way_back(devices, site, board):
    old = board.readings()
    devices |= judged(devices, site, old).devices
    late = board.readings()
    board.boot(epoch=5)
    skipped, first = Board(1, epoch=5), board.readings()
    skipped.readings()
    assert refusal(devices, site, skipped.readings()) == "chain-gap"
    assert refusal(devices, site, replace(late, epoch=5)) == "chain-gap"
    devices |= judged(devices, site, first).devices
    assert devices[board.device].epoch == 5
    assert refusal(devices, site, late) == "stale-epoch"
    assert refusal(devices, site, old) == "stale-epoch"


def test_readings_of_another_epoch_under_the_right_number_do_not_fit(devices, site, board):
    first = board.readings()
    assert refusal(devices, site, replace(first, epoch=2)) == "chain-broken"


def test_readings_of_another_device_do_not_fit(site):
    one, two = site.boards
    devices = {board.device: Device(board.enrolment().commitment) for board in site.boards}
    assert refusal(devices, site, replace(one.readings(), device=two.device)) == "chain-broken"


def test_opened_tells_where_the_board_goes_on(devices, site, board):
    genesis = board.link
    assert isinstance(judged(devices, site, board.opened(0, genesis)), Accept)
    devices |= judged(devices, site, board.readings()).devices
    assert isinstance(judged(devices, site, board.opened(14, board.link)), Accept)
    assert isinstance(judged(devices, site, board.opened(3, bytes(32))), Accept)
    assert refusal(devices, site, board.opened(15, board.link)) == "chain-gap"
    assert refusal(devices, site, board.opened(14, bytes(32))) == "chain-broken"
    board.boot(epoch=2)
    assert refusal(devices, site, board.opened(1, board.link)) == "chain-gap"
    assert refusal(devices, site, board.opened(0, bytes(32))) == "chain-broken"
    changed = judged(devices, site, board.opened(0, board.link)).devices[board.device]
    assert (changed.epoch, changed.next_seq, changed.link) == (2, 0, board.link)


def test_opened_of_another_device_or_epoch_than_its_entry_is_refused(devices, site, board):
    entry = board.opened(0, board.link)
    other = Board(2).opened(0, board.link)
    assert refusal(devices, site, replace(entry, frame=other.frame)) == "bad-frame"
    assert refusal(devices, site, replace(entry, epoch=2)) == "bad-frame"


def test_only_readings_and_opened_with_a_good_crc_are_frames(devices, site, board):
    entry = board.readings()
    flipped = entry.frame[:-1] + bytes([entry.frame[-1] ^ 1])
    status = messages.Status(0, 0, 0, 0, 0, 0, 0, 0)
    assert refusal(devices, site, replace(entry, frame=flipped)) == "bad-frame"
    assert refusal(devices, site, replace(entry, frame=board.seal(status))) == "bad-frame"
    bare = frames.seal(messages.Readings.TYPE, messages.decode(frames.parse(entry.frame)).encode())
    short = frames.seal(messages.Readings.TYPE, b"", 1, board.mac)
    assert refusal(devices, site, replace(entry, frame=short)) == "bad-frame"
    assert refusal(devices, site, replace(entry, frame=bare)) == "bad-frame"


def test_a_refusal_names_its_entry_and_changes_nothing(devices, site, board):
    before = dict(devices)
    verdict = judged(devices, site, board.readings(), board.readings(), Board(9).readings())
    assert (verdict.problem.name, verdict.entry) == ("device-not-enrolled", 2)
    assert devices == before


def test_sequences_are_taken_in_order_and_once(site):
    first, second = site.enrolment(), site.readings(site.boards[0])
    assert isinstance(rules.judge(state({}), first), Accept)
    ahead = rules.judge(state({}), second)
    assert (type(ahead), ahead.problem.name) == (Later, "sequence-ahead")
    later = state({}, 2)
    assert isinstance(rules.judge(later, first, first.hash), Duplicate)
    for earlier in (second.hash, None):
        assert rules.judge(later, first, earlier).problem.name == "sequence-reused"


def test_another_site_is_refused(site):
    foreign = site.transaction(site.boards[0].enrolment(), site="other")
    assert rules.judge(state({}), foreign).problem.name == "wrong-site"


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["next", "again", "skip", "boot", "old"])), max_size=25))
def test_whatever_is_delivered_the_state_is_that_of_the_frames_accepted(steps):
    site = Site()
    devices = {board.device: Device(board.enrolment().commitment) for board in site.boards}
    accepted = {board.device: [] for board in site.boards}
    sent = {board.device: [] for board in site.boards}
    for which, step in steps:
        board = site.boards[which]
        if step == "boot":
            board.boot(board.epoch + 1)
        if step == "skip":
            board.readings(2)
        if step in ("again", "old") and sent[board.device]:
            entry = sent[board.device][-1 if step == "again" else 0]
        else:
            entry = board.readings(3)
            sent[board.device].append(entry)
        verdict = judged(devices, site, entry)
        if isinstance(verdict, Accept):
            devices |= verdict.devices
            accepted[board.device].append(entry)
    for device, entries in accepted.items():
        epochs = [entry.epoch for entry in entries]
        assert epochs == sorted(epochs)
        newest = [messages.decode(frames.parse(e.frame)) for e in entries if e.epoch == devices[device].epoch]
        values = [reading.seq for message in newest for reading in message.readings()]
        assert values == list(range(devices[device].next_seq))
        if entries:
            link = chain.genesis(device, devices[device].epoch)
            for message in newest:
                link = chain.extend(link, message.first, message.records)
            assert link == devices[device].link
