"""The store: one writer, all or nothing, the same answer twice, and nothing signed that leaves do not give."""

import sqlite3
import subprocess
import sys

import pytest
from ledger_site import AUTHORITY, GATEWAY_KEY, SITE, Board, Site
from qcot.crypto import merkle
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.ledger import checkpoint, closing, qblock
from qcot.ledger.reader import Reader, write_authority
from qcot.ledger.receipts import Status
from qcot.ledger.store import Ledger
from qcot.ledger.stored import Totals
from qcot.ledger.transactions import StatementEntry
from trust_site import Authority


def refusal(call, *arguments, **named) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments, **named)
    return caught.value.problem.name


def reopen(ledger, site):
    ledger.close()
    return site.open(ledger.path)


def contents(ledger):
    return (list(ledger.leaves()), ledger.devices(), list(ledger.checkpoints()), ledger.next_sequence("bridge"))


def test_leaves_are_stored_as_they_came_and_the_tree_is_over_them(ledger, site):
    sent = [site.enrolment(), site.readings(*site.boards), site.readings(site.boards[0])]
    answers = site.append(ledger, sent)
    assert [(a.status, a.leaf, a.hash) for a in answers] == [(Status.ACCEPTED, i, t.hash) for i, t in enumerate(sent)]
    assert [raw for _, raw in ledger.leaves()] == [t.raw for t in sent]
    assert [ledger.node(0, i) for i in range(3)] == [merkle.leaf_hash(t.raw) for t in sent]
    assert ledger.find_transaction(sent[2].hash) == 2


def test_a_transaction_twice_changes_nothing_and_gets_the_same_answer(ledger, site):
    sent = [site.enrolment(), site.readings(*site.boards)]
    first = site.append(ledger, sent)
    before = contents(ledger)
    assert site.append(ledger, sent) == first
    assert site.append(ledger, [sent[1], sent[1]]) == [first[1], first[1]]
    assert contents(ledger) == before
    with reopen(ledger, site) as again:
        assert site.append(again, sent) == first
        assert contents(again) == before


def test_a_transaction_twice_in_one_batch_is_taken_once(ledger, site):
    sent = site.enrolment()
    first, second = site.append(ledger, [sent, sent])
    assert first == second
    assert ledger.size() == 1


def test_a_refusal_uses_up_its_sequence_and_is_remembered(ledger, site):
    site.append(ledger, [site.enrolment()])
    site.boards[0].readings()
    gap = site.readings(site.boards[0])
    (answer,) = site.append(ledger, [gap])
    assert (answer.status, answer.leaf, answer.name) == (Status.REFUSED, None, "chain-gap")
    assert ledger.next_sequence("bridge") == 3
    with reopen(ledger, site) as again:
        assert site.append(again, [gap]) == [answer]
        (after,) = site.append(again, [site.readings(site.boards[1])])
        assert after.status == Status.ACCEPTED


def test_a_sequence_ahead_is_answered_later_and_leaves_no_trace(ledger, site):
    enrolment, readings = site.enrolment(), site.readings(*site.boards)
    (answer,) = site.append(ledger, [readings])
    assert (answer.status, answer.name) == (Status.LATER, "sequence-ahead")
    assert contents(ledger) == ([], {}, [], 1)
    assert [a.status for a in site.append(ledger, [enrolment, readings])] == [Status.ACCEPTED] * 2


def test_another_transaction_under_a_used_sequence_is_refused(ledger, site):
    site.append(ledger, [site.enrolment()])
    other = site.transaction(site.boards[0].readings(), sequence=1)
    (answer,) = site.append(ledger, [other])
    assert (answer.status, answer.name) == (Status.REFUSED, "sequence-reused")
    assert ledger.size() == 1


def test_bridges_count_for_themselves_and_one_device_may_come_by_both(ledger, site):
    board = site.boards[0]
    site.append(ledger, [site.enrolment(), site.readings(board)])
    keys = {name: SigningKey(ML_DSA_65, name.encode().ljust(32)) for name in ("second", "third")}
    known = {name: StatementEntry(AUTHORITY.bridge(key, name)) for name, key in keys.items()}
    other = site.transaction(known["second"], board.readings(), sequence=1, bridge="second", key=keys["second"])
    repeated = site.transaction(known["third"], board.enrolment(), sequence=1, bridge="third", key=keys["third"])
    assert [a.status for a in site.append(ledger, [other, repeated])] == [Status.ACCEPTED] * 2
    assert (ledger.wanted("bridge"), ledger.wanted("second"), ledger.wanted("unseen")) == (3, 2, 1)
    assert ledger.devices()[board.device].next_seq == board.seq


def test_another_process_may_not_write_but_may_read(ledger, closed, site):
    program = (
        "import sys; from pathlib import Path\n"
        "from qcot.errors import QcotError; from qcot.ledger.store import Ledger\n"
        "from qcot.ledger.reader import read_authority\n"
        "root = read_authority(sys.argv[3])\n"
        "try: Ledger.open_or_create(Path(sys.argv[1]), site='lab', origin=sys.argv[2], authority=root)\n"
        "except QcotError as error: print(error.problem.name)\n"
        "print(Ledger.__mro__[1].open(Path(sys.argv[1])).size())\n"
    )
    command = [sys.executable, "-c", program, str(ledger.path), site.origin, write_authority(AUTHORITY.root)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["ledger-locked", str(ledger.size())]
    assert refusal(site.open, ledger.path) == "ledger-locked"
    ledger.close()
    site.open(ledger.path).close()


def test_a_reader_in_a_snapshot_does_not_see_what_comes_meanwhile(ledger, site):
    site.append(ledger, [site.enrolment()])
    with Reader.open(ledger.path) as reader:
        with reader.snapshot():
            assert reader.size() == 1
            site.append(ledger, [site.readings(*site.boards)])
            assert reader.size() == 1
        assert reader.size() == 2


def test_a_ledger_of_another_site_format_or_none_at_all_is_named(ledger, site, tmp_path):
    ledger.close()
    right = {"site": SITE, "origin": site.origin, "authority": AUTHORITY.root}
    for change in ({"site": "other"}, {"origin": "other"}, {"authority": Authority(SITE, 1).root}):
        assert refusal(Ledger.open_or_create, ledger.path, **(right | change)) == "ledger-foreign"
    assert refusal(Reader.open, tmp_path / "none") == "ledger-missing"
    sqlite3.connect(tmp_path / "empty").close()
    (tmp_path / "empty").touch()
    assert refusal(Reader.open, tmp_path / "empty") == "ledger-foreign"
    (tmp_path / "text").write_text("no database at all " * 100)
    assert refusal(Reader.open, tmp_path / "text") == "ledger-corrupt"
    assert refusal(site.open, tmp_path / "text") == "ledger-corrupt"
    with sqlite3.connect(ledger.path) as raw:
        raw.execute("PRAGMA user_version=1")
    assert refusal(Reader.open, ledger.path) == "ledger-foreign"


def test_a_folder_that_cannot_be_written_is_named(tmp_path, site):
    (tmp_path / "file").touch()
    assert refusal(site.open, tmp_path / "file" / "l") == "ledger-io"


def test_commits_are_durable_before_they_are_told(ledger):
    values = [ledger._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert values == ["wal", 2]  # 2 is FULL


def test_a_qblock_closes_exactly_the_open_run(closed, site):
    first, second = closed.header(0), closed.header(1)
    assert (first.core.first_leaf, first.core.transactions, first.core.tree_size) == (0, 3, 3)
    assert (second.core.first_leaf, second.core.transactions, second.core.tree_size) == (4, 2, 6)
    assert second.core.previous == first.hash
    assert first.core.tree_root == merkle.frontier(3, closed.node).root()
    assert second.quantum.phases.t_ms == second.core.time - first.core.time == 2000
    assert closed.unclosed == 1
    assert (closed.header_closing(0), closed.header_closing(4), closed.header_closing(7)) == (first, second, None)


def test_nothing_is_closed_where_nothing_came(ledger, site):
    assert refusal(closing.begin, ledger, site.bookkeeper, now=site.now, seed=1) == "qblock-out-of-place"
    assert closing.sign_tree(ledger, site.bookkeeper) is None
    assert refusal(ledger.root_to_sign) == "checkpoint-conflict"


def test_a_clock_that_goes_back_does_not_take_qblocks_with_it(closed, site):
    core = closed.next_core(site.now - 1_000_000, "gateway")
    assert core.time == closed.last_header.core.time


def test_a_header_that_does_not_close_the_run_is_not_appended(closed, site):
    core = closed.next_core(site.now, "gateway")
    earlier = [closed.header(0), closed.header(1)]
    good = qblock.close(core, earlier, closed.start, shots=8, seed=1)
    before = contents(closed)
    for change in (
        {"height": 3},
        {"height": 1},
        {"previous": bytes(32)},
        {"tree_root": bytes(32)},
        {"first_leaf": 6},
        {"transactions": 2},
        {"tree_size": 7},
        {"time": earlier[1].core.time - 1},
    ):
        members = {name: getattr(core, name) for name in core.__slots__} | change
        wrong = qblock.parse(qblock.build(qblock.Core(**members), good.quantum))
        assert refusal(closed.append_qblock, wrong) == "qblock-out-of-place"
    assert contents(closed) == before
    assert closed.append_qblock(good) == 8
    assert refusal(closed.append_qblock, good) == "qblock-out-of-place"


def test_a_checkpoint_is_given_out_again_byte_for_byte(closed, site):
    stored = closed.checkpoint()
    assert checkpoint.parse(stored).size == 7
    assert checkpoint.parse(stored).verify(site.log_key) == site.now // 1000
    assert closing.sign_tree(closed, site.bookkeeper) == stored
    size, root = closed.root_to_sign()
    other = checkpoint.sign(GATEWAY_KEY, site.origin, origin=site.origin, size=size, root=root, stamp=1)
    assert closed.store_checkpoint(other) == stored
    with reopen(closed, site) as again:
        assert closing.sign_tree(again, site.bookkeeper) == stored


@pytest.mark.parametrize("change", [{"size": 6}, {"root": bytes(32)}, {"origin": "other"}])
def test_a_checkpoint_over_another_tree_is_not_stored(closed, site, change):
    size, root = closed.root_to_sign()
    members = {"origin": site.origin, "size": size, "root": root} | change
    text = checkpoint.sign(GATEWAY_KEY, site.origin, stamp=1, **members)
    assert refusal(closed.store_checkpoint, text) == "checkpoint-conflict"


def test_no_root_is_signed_that_stored_leaves_do_not_give(ledger, site):
    site.append(ledger, [site.enrolment(), site.readings(*site.boards)])
    site.close_unsigned(ledger)
    with sqlite3.connect(ledger.path) as raw:
        raw.execute("UPDATE leaf SET bytes = CAST(bytes || x'00' AS BLOB) WHERE idx = 1")
    assert refusal(closing.sign_tree, ledger, site.bookkeeper) == "ledger-corrupt"
    assert ledger.checkpoint() is None
    assert refusal(reopen, ledger, site) == "ledger-corrupt"


def test_a_gateway_that_died_before_it_signed_signs_before_it_closes_the_next(ledger, site):
    site.append(ledger, [site.enrolment()])
    site.close_unsigned(ledger)
    with reopen(ledger, site) as again:
        site.append(again, [site.readings(*site.boards)])
        site.close(again)
        assert [size for size, _ in again.checkpoints()] == [2, 4]


def test_every_reading_is_found_with_the_link_before_its_frame(closed, site):
    board = site.boards[0]
    for seq in range(board.seq):
        run = closed.find_reading(board.device, 1, seq)
        assert run.first <= seq < run.first + run.count
        before = closed.find_reading(board.device, 1, run.first - 1)
        assert (before is None) == (run.first == 0)
    for absent in ((board.device, 1, board.seq), (board.device, 2, 0), (bytes(8), 1, 0)):
        assert closed.find_reading(*absent) is None


def test_the_newest_enrolment_is_found(ledger, site):
    site.append(ledger, [site.enrolment(), site.transaction(site.boards[1].enrolment())])
    assert ledger.enrolment_places() == {site.boards[0].device: (0, 4), site.boards[1].device: (1, 0)}


def test_an_unknown_leaf_is_no_leaf(closed):
    with pytest.raises(LookupError):
        closed.leaf(closed.size())


def test_a_site_that_is_not_ours_uses_up_its_sequence(ledger, site):
    foreign = Site().transaction(Site().boards[0].enrolment(), site="other", sequence=1)
    (answer,) = site.append(ledger, [foreign])
    assert (answer.status, answer.name, ledger.wanted("bridge")) == (Status.REFUSED, "wrong-site", 2)


def test_totals_kept_up_are_those_that_are_counted(ledger, site):
    def check(*wanted):
        with Reader.open(ledger.path) as reader:
            counted = reader.totals()
        assert ledger.totals() == counted
        assert (counted.transactions, counted.readings, counted.qblocks, dict(counted.refused)) == wanted
        assert ledger.known_devices() == ledger.devices()

    check(0, 0, 0, {})
    enrolment, first = site.enrolment(), site.readings(*site.boards)
    site.append(ledger, [enrolment, first, enrolment])
    check(2, 56, 0, {})
    unknown = site.transaction(Board(9).readings())
    reused = site.transaction(site.boards[0].enrolment(), sequence=1)
    ahead = site.transaction(site.boards[0].enrolment(), sequence=99)
    site.append(ledger, [unknown, unknown, reused, ahead])
    check(2, 56, 0, {"device-not-enrolled": 1})
    site.close(ledger)
    check(2, 56, 1, {"device-not-enrolled": 1})
    with reopen(ledger, site) as again:
        assert again.totals() == Totals(2, 56, 1, {"device-not-enrolled": 1})


def test_totals_move_only_with_a_commit(ledger, site):
    site.append(ledger, [site.enrolment()])
    before = ledger.totals()
    ledger._db.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON answer BEGIN SELECT RAISE(ABORT, 'no'); END")
    assert refusal(site.append, ledger, [site.readings(*site.boards)]) == "ledger-corrupt"
    assert ledger.totals() == before


def test_a_table_in_the_way_of_what_follows_is_no_full_disk_that_passes(ledger, site):
    site.append(ledger, [site.enrolment()])
    with sqlite3.connect(ledger.path) as raw:
        raw.execute("INSERT INTO run VALUES (?, 1, 0, 14, 9, 0, x'')", (site.boards[0].device,))
    assert refusal(site.append, ledger, [site.readings(*site.boards)]) == "ledger-corrupt"
    assert ledger.size() == 1


def test_numbers_that_no_column_holds_are_in_no_row(closed, site):
    assert closed.find_reading(site.boards[0].device, 1, 1 << 64) is None
    assert closed.find_reading(site.boards[0].device, 1 << 64, 0) is None
    assert closed.header(1 << 64) is None
    assert closed.answer("bridge", 1 << 64) is None
