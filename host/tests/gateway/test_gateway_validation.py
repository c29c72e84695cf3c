"""No Qblock without its bookkeeper validated: by the bridges in turn, with keys that are gone at both ends."""

import shutil
import sqlite3
import uuid

import pytest
from boards import BridgeSide
from gateway_site import TRUST
from patience import until
from qcot.gateway.validator import Validator
from qcot.ledger.problems import QBLOCK_KEY_REUSED
from qcot.ledger.verify import verify
from qcot.quantum.qkd import distribute
from qcot.quantum.qkd.store import Key, KeyStore


def unused(path) -> dict[uuid.UUID, bytes]:
    with sqlite3.connect(path) as file:
        return {
            uuid.UUID(bytes=each): secret for each, secret in file.execute("SELECT id, secret FROM key WHERE NOT used")
        }


def test_the_bridges_take_turns_and_each_qblock_burns_a_key_at_both_ends(desk, bridge, board):
    other = BridgeSide("b2")
    one = desk(max_transactions=2)
    one.give(other.sign(board.enrolment()), bridge="b2")
    for number in range(4):
        one.give(bridge.sign(board.entry() if number else board.enrolment()))
        one.settle()
    records = [one.books.ledger.header(height).quantum.validated for height in range(4)]
    assert [each.verifier for each in records] == ["b1", "b2", "b1", "b2"]
    assert all((each.errors, each.mismatches) == (0, 0) for each in records)
    assert len({each.key_id for each in records}) == 4
    for name, burnt in (("b1", records[::2]), ("b2", records[1::2])):
        folder = one.config.validation_keys
        ends = [unused(folder / f"{name}.{end}") for end in ("bridge", "gateway")]
        assert ends[0] == ends[1]
        assert ends[0]
        assert not {uuid.UUID(bytes=each.key_id) for each in burnt} & set(ends[0])
    assert verify(one.books.ledger, TRUST).holds
    assert "validated by b2" in [event.text for event in one.events if event.kind == "qblock"][-1]


def test_a_gateway_without_the_key_is_not_accepted_until_it_has_it_and_nothing_is_lost(desk, bridge, board):
    one = desk(max_transactions=1)
    folder = one.config.validation_keys
    mine = [Key(uuid.uuid4(), bytes([number]) * 32) for number in range(3)]
    with KeyStore(folder / "b1.bridge") as verifier, KeyStore(folder / "b1.gateway") as prover:
        verifier.add(mine)
        prover.add([Key(mine[0].id, b"x" * 32), mine[2]])  # a wrong key, then one that it lacks, then the right one
    one.give(bridge.sign(board.enrolment()))
    for name in ("validation-identity-refused", "key-unknown"):
        until(one.worker._closing.done, "the quantum part")
        assert one.give() == []
        assert name in one.worker.snapshot(True).trouble
        assert one.books.ledger.height() == 0
        one.worker._retry_at = 0
        one.give()
        assert one.worker._closing is not None or name == "key-unknown"
    one.settle()
    assert one.books.ledger.header(0).quantum.validated.key_id == mine[2].id.bytes
    assert one.worker.snapshot(True).trouble is None


def troubles(desk) -> list[str]:
    return [event.text for event in desk.events if event.kind == "trouble"]


def settle_without_waiting(one) -> None:
    def closed():
        one.worker._retry_at = 0
        one.give()
        return not one.books.ledger.unclosed and one.worker._closing is None

    until(closed, "a Qblock")


def test_keys_brought_back_from_a_backup_validate_nothing_and_leave_a_ledger_that_verifies(desk, bridge, board):
    one = desk(max_transactions=1)
    folder = one.config.validation_keys
    one.books.validator._verifiers = lambda: ["b1"]
    one.books.validator.prepare()
    backup = shutil.copytree(folder, folder.with_name("backup"))
    for entry in (board.enrolment(), board.entry(), board.entry()):
        one.give(bridge.sign(entry))
        one.settle()
    shutil.rmtree(folder)
    backup.rename(folder)
    one.give(bridge.sign(board.entry()))
    settle_without_waiting(one)
    records = [one.books.ledger.header(height).quantum.validated for height in range(4)]
    assert len({each.key_id for each in records}) == 4
    assert verify(one.books.ledger, TRUST).holds
    (told,) = troubles(one)  # though three keys in turn were refused
    assert told.startswith("qblock-key-reused: key ")
    assert told.endswith(QBLOCK_KEY_REUSED.remedy)
    assert one.worker.snapshot(True).trouble is None


def damaged(folder) -> None:
    (folder / "b1.gateway").write_bytes(b"junk" * 1024)


def opened_to_others(folder) -> None:
    folder.chmod(0o770)


@pytest.mark.parametrize(
    ("spoil", "name"), [(damaged, "key-store-damaged"), (opened_to_others, "key-store-open-to-others")]
)
def test_stores_that_cannot_be_used_stop_no_transaction_and_are_told_until_they_are_put_right(
    desk, bridge, board, spoil, name
):
    one = desk(max_transactions=1)
    one.give(bridge.sign(board.enrolment()))
    one.settle()
    spoil(one.config.validation_keys)
    for _ in range(3):
        one.give(bridge.sign(board.entry()))
        if one.worker._closing is not None:
            until(one.worker._closing.done, "the quantum part")
        one.worker._retry_at = 0
        one.give()
        assert one.worker.snapshot(True).trouble.startswith(f"{name}: ")
    (told,) = troubles(one)
    assert "delete the store" in told.lower()
    ledger = one.books.ledger
    until(lambda: one.give() or ledger.totals().transactions == 4, "the readings")
    assert ledger.height() == 1
    until(lambda: one.worker._closing is None or one.worker._closing.done(), "what is under way")
    shutil.rmtree(one.config.validation_keys)
    settle_without_waiting(one)
    assert (ledger.height(), one.worker.snapshot(True).trouble) == (2, None)
    assert verify(ledger, TRUST).holds


def test_a_link_run_without_a_key_is_told_and_run_again(desk, bridge, board, monkeypatch):
    short = distribute("bb84", 100)
    monkeypatch.setattr("qcot.gateway.validator.distribute", lambda *_: short)
    one = desk(max_transactions=1)
    one.give(bridge.sign(board.enrolment()))
    until(one.worker._closing.done, "the quantum part")
    one.give()
    assert one.worker.snapshot(True).trouble.startswith("qkd-too-short: ")
    monkeypatch.undo()
    settle_without_waiting(one)
    assert one.books.ledger.height() == 1


def test_what_was_used_up_does_not_make_the_stores_grow(tmp_path):
    for _ in range(3):
        Validator(tmp_path, lambda: ["b1"]).prepare()
        for end in ("bridge", "gateway"):
            with sqlite3.connect(tmp_path / f"b1.{end}") as file:
                keys, used = file.execute("SELECT count(*), sum(used) FROM key").fetchone()
                assert (keys > 0, used) == (True, 0)
                file.execute("UPDATE key SET used = 1, secret = zeroblob(32)")


def test_a_gateway_whose_validation_keys_were_lost_draws_new_ones(desk, bridge, board):
    one = desk(max_transactions=1)
    one.give(bridge.sign(board.enrolment()))
    one.settle()
    shutil.rmtree(one.config.validation_keys)
    one.give(bridge.sign(board.entry()))
    one.settle()
    assert one.books.ledger.height() == 2
