"""What a board signs itself: taken where it stands by key, leaf and chain, refused by name, told by who verifies."""

import sqlite3
from dataclasses import replace

import pytest
from ledger_site import AUTHORITY, SITE, START, Board, Site, standing
from lms_board import W2, LmsBoard
from qcot.certificates.claims import Role
from qcot.crypto.lms import checkpoint_message
from qcot.crypto.signing import LMS, PublicKey
from qcot.errors import QcotError
from qcot.ledger import proving, report, rules
from qcot.ledger.case import Given
from qcot.ledger.clocks import Clock
from qcot.ledger.reader import Reader
from qcot.ledger.rules import Accept, Refuse
from qcot.ledger.transactions import StatementEntry
from qcot.ledger.verify import SignedByBoard, verify
from qcot.link.chain import genesis


@pytest.fixture
def board():
    return Board(1, lms=LmsBoard())


@pytest.fixture
def site(board):
    return Site([board, Board(2)])


@pytest.fixture
def begun(ledger, site):
    """A ledger that knows the boards."""
    site.append(ledger, [site.enrolment()])
    return ledger


def answers(ledger, site, *entries):
    (answer,) = site.append(ledger, [site.transaction(*entries)])
    return answer.name or "accepted"


def test_a_checkpoint_stands_at_every_end_of_a_frame_that_the_log_has(begun, site, board):
    ends = [(board.seq, board.link)]
    frames = []
    for count in (14, 3, 9):
        frames.append(board.readings(count))
        ends.append((board.seq, board.link))
    assert answers(begun, site, board.checkpoint(seq=0, link=ends[0][1])) == "checkpoint-off-chain"  # no such boot yet
    assert answers(begun, site, *frames[:2], board.checkpoint(seq=14, link=ends[1][1])) == "accepted"
    assert answers(begun, site, frames[2], *(board.checkpoint(seq=seq, link=link) for seq, link in ends)) == "accepted"
    old = ends[-1]
    board.boot(2)
    assert answers(begun, site, board.readings(5)) == "accepted"
    assert answers(begun, site, board.checkpoint(epoch=1, seq=old[0], link=old[1])) == "accepted"
    assert answers(begun, site, board.checkpoint()) == "accepted"


@pytest.mark.parametrize(
    "said", [{"seq": 13}, {"seq": 15}, {"seq": 0}, {"epoch": 2}, {"epoch": 0}, {"link": bytes(32)}, {"seq": 1 << 31}],
    ids=str,
)  # fmt: skip
def test_a_checkpoint_off_the_chain_is_refused_though_the_board_signed_it(begun, site, board, said):
    assert answers(begun, site, board.readings(), board.readings(3)) == "accepted"
    assert answers(begun, site, board.checkpoint(**said)) == "checkpoint-off-chain"


def test_a_leaf_signs_once_and_leaves_only_go_up_over_restarts_and_refusals(begun, site, board, tmp_path):
    key = board.lms
    first = board.readings()
    key.leaf = 5
    one = board.checkpoint(seq=14)
    assert answers(begun, site, first, one) == "accepted"
    assert answers(begun, site, one) == "leaf-reused"
    path = begun.path
    begun.close()
    with site.open(path) as again:
        for leaf, name in ((5, "leaf-reused"), (0, "leaf-reused"), (7, "accepted"), (6, "leaf-reused")):
            key.leaf = leaf
            assert answers(again, site, board.checkpoint()) == name
        key.leaf = 8
        twice = [board.checkpoint(), replace(board.checkpoint(), epoch=9)]
        assert answers(again, site, *twice) == "board-unsigned"
        assert answers(again, site, twice[0]) == "accepted"  # what was refused has used up no leaf here


def test_a_leaf_signs_once_in_a_transaction_too(begun, site, board):
    key, frames = board.lms, []
    for _ in range(2):
        frames.append(board.readings())
        key.leaf = 3
        frames.append(board.checkpoint())
    assert answers(begun, site, *frames) == "leaf-reused"
    key.leaf = 2
    assert answers(begun, site, frames[0], frames[1], frames[2], board.checkpoint()) == "leaf-reused"
    key.leaf = 4
    assert answers(begun, site, *frames[:3], board.checkpoint()) == "accepted"


def test_a_checkpoint_by_another_key_of_another_board_or_altered_is_refused(begun, site, board):
    assert answers(begun, site, board.readings(), site.boards[1].readings()) == "accepted"
    good = board.checkpoint()
    for wrong in (
        board.checkpoint(LmsBoard(2)), replace(good, seq=good.seq + 1), replace(good, signature=good.signature[:-1]),
        replace(good, link=bytes(32)), replace(good, signature=b"s"),
    ):  # fmt: skip
        assert answers(begun, site, wrong) == "board-unsigned"
    other = site.boards[1]
    assert answers(begun, site, other.checkpoint(board.lms)) == "no-lms-key"
    assert answers(begun, site, replace(good, device=b"\x09" * 8)) == "device-not-enrolled"


def test_a_key_of_a_kind_that_no_board_may_have_signs_nothing_here_though_it_is_certified(ledger):
    board = Board(1, lms=LmsBoard(1, W2))
    site = Site([board])
    site.append(ledger, [site.enrolment(), site.transaction(board.readings())])
    said = board.checkpoint()
    PublicKey(LMS, board.lms.public).verify(said.signature, checkpoint_message(said.device, 1, 14, said.link))
    assert answers(ledger, site, said) == "board-unsigned"


def test_a_wrong_checkpoint_is_refused_at_its_entry_with_the_boards_own_frames(begun, site, board):
    wrong = board.checkpoint(LmsBoard(2))
    state = rules.State(SITE, 2, begun.known_devices(), begun.standing(), site.now, {}, begun.link_at)
    verdict = rules.judge_content(state, site.transaction(site.boards[1].readings(), board.readings(), wrong))
    assert isinstance(verdict, Refuse)
    assert (verdict.problem.name, verdict.entry) == ("board-unsigned", 2)


def test_a_renewed_certificate_with_a_new_key_goes_on_while_the_old_ones_last_words_are_taken(begun, site, board):
    old, new = board.lms, LmsBoard(2)
    renewed = AUTHORITY.board(board.device, board.key, lms=new.public)
    assert answers(begun, site, board.readings()) == "accepted"
    assert answers(begun, site, board.checkpoint(new)) == "board-unsigned"
    assert answers(begun, site, StatementEntry(renewed)) == "accepted"
    assert answers(begun, site, board.checkpoint(new), board.checkpoint(old)) == "accepted"
    assert answers(begun, site, StatementEntry(AUTHORITY.revoke(board.certificate, "superseded"))) == "accepted"
    assert answers(begun, site, board.checkpoint(old)) == "board-unsigned"
    assert answers(begun, site, board.checkpoint(new)) == "accepted"
    assert begun.register().require(board.device, Role.BOARD, site.now // 1000).board.lms == new.public


def test_a_clock_by_which_readings_are_from_the_future_is_refused(site, board):
    for late, name in ((0, None), (1, "clock-ahead")):
        other = Board(1, lms=board.lms)
        received = START
        at = (received * 1000 + 999) - 130_000 + 300 + late  # the last of 14 readings is at 130 ms
        frame = replace(other.readings(14, Clock(at, 0, 300)), received=received)
        devices = {other.device: rules.Device(other.enrolment().commitment)}
        verdict = rules.judge_content(rules.State(SITE, 1, devices, standing(1), START), site.transaction(frame))
        assert verdict.problem.name == name if name else isinstance(verdict, Accept)


@pytest.fixture
def closed(begun, site, board):
    site.append(begun, [site.transaction(board.readings(), board.checkpoint(), site.boards[1].readings())])
    site.append(begun, [site.transaction(board.readings(3)), site.transaction(board.readings(4), board.checkpoint())])
    site.close(begun)
    return begun


def test_who_verifies_is_told_what_each_board_signed_itself(closed, site, board):
    with Reader.open(closed.path) as reader:
        result = verify(reader, site.trust)
    assert result.holds, result.failure
    assert result.boards == (SignedByBoard(board.device, 2, 1, 21),)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM signed WHERE seq = 14",
        "UPDATE signed SET lms_leaf = lms_leaf + 7",
        "UPDATE signed SET seq = 13 WHERE seq = 14",
        "UPDATE signed SET entry = 0 WHERE seq = 14",
        "INSERT INTO signed SELECT x'00', 3, device, epoch, seq, leaf, entry FROM signed WHERE seq = 14",
    ],
)
def test_a_table_of_checkpoints_that_does_not_follow_from_the_leaves_is_named(closed, site, damage):
    with sqlite3.connect(closed.path) as raw:
        raw.execute(damage)
    with Reader.open(closed.path) as reader:
        assert verify(reader, site.trust).failure.problem.name == "index-differs"


@pytest.mark.parametrize("place", ["leaf, 99", "-1, 0", "0, 0", "0, 999"])
def test_a_table_that_places_a_frame_where_none_is_is_named_and_no_checkpoint_stands_by_it(begun, site, board, place):
    first = board.readings(14)
    end = board.link
    site.append(begun, [site.transaction(first)])
    site.append(begun, [site.transaction(board.readings(3))])
    site.append(begun, [site.transaction(board.checkpoint(seq=14, link=end))])
    site.close(begun)
    with sqlite3.connect(begun.path) as raw:
        raw.execute(f"INSERT INTO run SELECT device, epoch, 5, 9, {place}, link_before FROM run WHERE first = 0")
    with Reader.open(begun.path) as reader:
        assert verify(reader, site.trust).failure.problem.name == "index-differs"


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM run WHERE first = 14",
        "DELETE FROM run WHERE epoch = 1 AND first = 0",
        "UPDATE run SET count = 2 WHERE first = 14",
        "UPDATE run SET count = 4 WHERE first = 14",
        "UPDATE run SET first = 15, count = 2 WHERE first = 14",
        "UPDATE run SET leaf = 1 WHERE first = 14",
        "UPDATE run SET entry = 99 WHERE first = 14",
        "UPDATE run SET device = x'00' WHERE first = 14",
    ],
)
def test_a_damaged_table_of_readings_stops_who_writes_and_refuses_no_checkpoint_for_it(begun, site, board, damage):
    ends = []
    for count in (14, 3, 9):
        assert answers(begun, site, board.readings(count)) == "accepted"
        ends.append((board.seq, board.link))
    asked = [board.checkpoint(seq=seq, link=link) for seq, link in ((0, genesis(board.device, 1)), *ends[:2])]
    board.boot(2)
    assert answers(begun, site, board.readings(5)) == "accepted"
    begun._db.execute(damage)
    assert {told(begun, site, each) for each in asked} - {"accepted"} == {"stopped by ledger-corrupt"}


def told(ledger, site, entry):
    """What is answered, or what the ledger stops with."""
    try:
        return answers(ledger, site, entry)
    except QcotError as error:
        site.sequence -= 1  # it was not taken
        return f"stopped by {error.problem.name}"


def test_the_newest_readings_of_the_running_boot_that_a_table_lost_are_missed(begun, site, board):
    first = board.readings(14)
    assert answers(begun, site, first) == "accepted"
    end = board.link
    assert answers(begun, site, board.readings(3)) == "accepted"
    begun._db.execute("DELETE FROM run")
    assert told(begun, site, board.checkpoint(seq=14, link=end)) == "stopped by ledger-corrupt"


def test_a_forged_checkpoint_in_the_leaves_is_found(tmp_path, site, board):
    """A gateway that takes all: the rules are the verifier's too."""
    with site.open(tmp_path / "ledger.sqlite") as ledger:
        site.append(ledger, [site.enrolment()])
        site.append(ledger, [site.transaction(board.readings())])
        state = rules.State(SITE, 3, ledger.known_devices(), ledger.standing(), site.now)
        honest, rules.judge = rules.judge, lambda *_: Accept({}, (), state.standing, 1 << 62)
        try:
            site.append(ledger, [site.transaction(board.checkpoint(LmsBoard(2)))])
        finally:
            rules.judge = honest
        site.close(ledger)
    with Reader.open(tmp_path / "ledger.sqlite") as reader:
        assert verify(reader, site.trust).failure.problem.name == "board-unsigned"


def test_evidence_brings_the_boards_own_signature_where_it_is_cheap_or_asked_for(closed, site, board):
    for seq in (0, 13, 14, 20):
        checked = report.check(
            proving.for_reading(closed, site.trust, board.device, 1, seq).encode(), Given(signed=True)
        )
        assert checked.holds
        assert checked.facts["board_signed_seq"] == (14 if seq < 14 else 21)
        assert len(proving.for_reading(closed, site.trust, board.device, 1, seq).encode()) <= proving.CHEAP
    other = proving.for_reading(closed, site.trust, site.boards[1].device, 1, 0)
    assert other.signed is None
    assert report.check(other.encode()).facts["board_signed"] is False
    assert report.check(other.encode(), Given(signed=True)).failure.problem.name == "no-such-checkpoint"


def test_a_signature_that_would_make_the_file_large_is_left_out_unless_it_is_asked_for(begun, site, board):
    for _ in range(40):
        site.append(begun, [site.transaction(board.readings(), board.readings())])
    site.append(begun, [site.transaction(board.checkpoint())])
    site.close(begun)
    made = proving.for_reading(begun, site.trust, board.device, 1, 3)
    asked = proving.for_reading(begun, site.trust, board.device, 1, 3, signed=True)
    assert made.signed is None
    assert len(asked.signed.records) == 9 * (1120 - 14)
    assert report.check(asked.encode(), Given(AUTHORITY.root, signed=True)).facts["board_signed_seq"] == 1120
    late = proving.for_reading(begun, site.trust, board.device, 1, 1100)
    assert late.signed is not None


def test_a_ledger_of_the_format_before_is_read_and_goes_on(tmp_path, site, board):
    path = tmp_path / "ledger.sqlite"
    with site.open(path) as ledger:
        site.append(ledger, [site.enrolment(), site.transaction(board.readings())])
        site.close(ledger)
    with sqlite3.connect(path) as raw:
        raw.executescript("DROP TABLE signed; PRAGMA user_version = 2;")
    with Reader.open(path) as reader:
        assert verify(reader, site.trust).holds
    with site.open(path) as ledger:
        assert answers(ledger, site, board.checkpoint()) == "accepted"
        site.close(ledger)
    with Reader.open(path) as reader:
        assert verify(reader, site.trust).boards == (SignedByBoard(board.device, 1, 1, 14),)


def test_a_certificate_that_ends_closes_the_run_before_what_it_lets_stand(site, board):
    """As for frames: the Qblock's time must lie in the validity of the certificate whose key signed."""
    short = AUTHORITY.board(board.device, board.key, lms=board.lms.public, span=(START // 1000 - 5, START // 1000 + 60))
    known = standing(1).register.admit(short, START // 1000)
    devices = {board.device: rules.Device(board.enrolment().commitment)}
    state = rules.State(SITE, 1, devices, replace(standing(1), register=known), START)
    verdict = rules.judge_content(state, site.transaction(board.readings(), board.checkpoint()))
    assert verdict.until == (START // 1000 + 60) * 1000


def test_so_does_the_older_of_two_certificates_where_its_key_signed(site, board):
    ends = START // 1000 + 60
    short = AUTHORITY.board(board.device, board.key, lms=LmsBoard(2).public, span=(START // 1000 - 5, ends))
    newer = AUTHORITY.board(board.device, board.key, lms=board.lms.public)
    known = standing(1).register.admit(short, START // 1000).admit(newer, START // 1000)
    devices = {board.device: rules.Device(board.enrolment().commitment)}
    state = rules.State(SITE, 1, devices, replace(standing(1), register=known), START)
    frame = board.readings()
    assert rules.judge_content(state, site.transaction(frame, board.checkpoint())).until > ends * 1000
    verdict = rules.judge_content(state, site.transaction(frame, board.checkpoint(LmsBoard(2))))
    assert verdict.until == ends * 1000
