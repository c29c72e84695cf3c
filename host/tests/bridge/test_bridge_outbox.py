"""The outbox under SIGKILL between any two statements, on a full disk, and in pieces."""

import os
import signal
import sqlite3
from dataclasses import replace

import pytest
from bridge_site import BRIDGE, BRIDGE_KEY, SITE
from qcot.boards.registry import ChannelInfo, EnrolledBoard
from qcot.bridge.intake import Identity, Intake, Limits, sign
from qcot.bridge.store import FRAME, Refusal, Store
from qcot.errors import QcotError
from qcot.ledger import transactions
from qcot.link.events import Resume
from small_disk import fill

DEVICE = bytes(range(8))
IDENTITY = Identity(SITE, BRIDGE, "default", BRIDGE_KEY)
BOARD = EnrolledBoard(DEVICE, "peer", (1, 0, 0), bytes(32), ())


def intake_of(store, clock=lambda: 0.0, limits=None):
    return Intake(store, IDENTITY, limits or Limits(readings=4), clock=clock, wall=lambda: 1_700_000_000_000)


def frame(number):
    return b"frame" + number.to_bytes(4, "big")


def take(intake, number):
    intake.take(DEVICE, frame(number), 1, Resume(1, number + 1, number.to_bytes(32, "big")))


def numbers(entries):
    return [int.from_bytes(entry.frame[5:], "big") for entry in entries if isinstance(entry, transactions.FrameEntry)]


def work(store, tell):
    """Everything that a bridge does to its disk; ``tell`` says what the outside world was told by then."""
    intake = intake_of(store)
    intake.announce(BOARD, bytes(32))
    number = 0
    for burst in (1, 3, 5, 2):
        for _ in range(burst):
            take(intake, number)
            number += 1
        positions = intake.commit()
        tell("acked", positions[DEVICE].seq)
        if intake.due(0):
            intake.seal()
        for sealed in store.outbox(limit=1):
            tell("gateway", sealed.raw.hex())
            if burst == 5:
                store.settle([], [Refusal(sealed.hash, "bad", "because")])
            else:
                store.settle([sealed.hash], [])
    while intake.seal():
        pass
    intake.renumber(store.next_sequence)
    tell("done", 1)


def killed_at(path, statement):
    """Do the work in a process that is killed when its ``statement``-th SQL statement begins; what it told."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            store = Store(path, SITE, BRIDGE)
            left = [statement]

            def count(_text):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            store._db.set_trace_callback(count)
            work(store, lambda *said: os.write(write_end, f"{said[0]} {said[1]}\n".encode()))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        told = [line.split() for line in pipe]
    os.waitpid(child, 0)
    return told


def test_killed_between_any_two_statements_nothing_acknowledged_is_lost_or_doubled(tmp_path):
    statement, finished = 0, False
    while not finished:
        statement += 1
        path = tmp_path / str(statement) / "outbox.sqlite"
        path.parent.mkdir()
        told = killed_at(path, statement)
        finished = ["done", "1"] in told
        store = Store(path, SITE, BRIDGE)
        kept = {}
        for raw in [bytes.fromhex(value) for what, value in told if what == "gateway"]:
            kept[transactions.parse(raw).hash] = transactions.parse(raw)
        for sealed in store.outbox():
            parsed = transactions.parse(sealed.raw)
            parsed.verify(BRIDGE_KEY.public_key)
            assert (parsed.sequence, parsed.hash) == (sealed.sequence, sealed.hash)
            kept.setdefault(parsed.hash, parsed)
        in_order = list(kept.values())
        if not finished:  # renumbering at the end gives the outbox new numbers and hashes
            assert [each.sequence for each in in_order] == list(range(1, len(in_order) + 1))
            assert store.next_sequence == len(in_order) + 1
        on_disk = [each for parsed in in_order for each in numbers(parsed.entries)]
        on_disk += [int.from_bytes(item.body[5:], "big") for _, item in store.pending() if item.kind == FRAME]
        acked = max((int(value) for what, value in told if what == "acked"), default=0)
        assert on_disk == list(range(len(on_disk)))
        assert store.resume(DEVICE).seq == len(on_disk) >= acked
        # And it goes on from there.
        intake = intake_of(store)
        take(intake, len(on_disk))
        intake.commit()
        while intake.seal():
            pass
        assert numbers(transactions.parse(store.outbox()[-1].raw).entries)[-1] == len(on_disk)
        store.close()
    assert statement > 60


def test_a_second_bridge_on_the_same_outbox_is_refused_by_name(tmp_path):
    store = Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    with pytest.raises(QcotError, match="outbox-busy"):
        Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    store.close()
    Store(tmp_path / "outbox.sqlite", SITE, BRIDGE).close()


def test_an_outbox_that_cannot_be_opened_is_told_by_name(tmp_path):
    (tmp_path / "outbox.sqlite").mkdir()
    with pytest.raises(QcotError, match="outbox-io"):
        Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)


def test_the_outbox_of_another_bridge_is_refused_by_name(tmp_path):
    Store(tmp_path / "outbox.sqlite", SITE, BRIDGE).close()
    with pytest.raises(QcotError, match="outbox-foreign"):
        Store(tmp_path / "outbox.sqlite", SITE, "another")


@pytest.mark.parametrize("damage", ["not a database", "page overwritten", "cut short"])
def test_a_corrupted_outbox_is_refused_by_name_and_left_as_it_is(tmp_path, damage):
    path = tmp_path / "outbox.sqlite"
    store = Store(path, SITE, BRIDGE)
    intake = intake_of(store)
    for number in range(500):
        take(intake, number)
    intake.commit()
    store.close()
    data = bytearray(path.read_bytes())
    if damage == "not a database":
        data[:16] = b"something else! "
    elif damage == "page overwritten":
        data[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    else:
        del data[len(data) // 2 :]
    path.write_bytes(data)
    with pytest.raises(QcotError, match="outbox-corrupt") as caught:
        Store(path, SITE, BRIDGE)
    assert "Move the file aside" in caught.value.problem.remedy
    assert path.read_bytes() == data


def test_a_full_disk_is_told_by_name_and_what_was_taken_is_stored_once_there_is_room(small_disk):
    store = Store(small_disk / "outbox.sqlite", SITE, BRIDGE)
    intake = intake_of(store)
    ballast = fill(small_disk)
    number, stored, full = 0, 0, None
    while full is None:
        for _ in range(50):
            take(intake, number)
            number += 1
        try:
            stored = intake.commit()[DEVICE].seq
        except QcotError as error:
            full = error
        assert number < 10_000
    assert full.problem.name == "disk-full"
    with pytest.raises(QcotError, match="disk-full"):
        intake.commit()
    assert store.resume(DEVICE).seq == stored
    ballast.unlink()
    assert intake.commit()[DEVICE].seq == number
    assert stored < number
    while intake.seal():
        pass
    found = [each for sealed in store.outbox() for each in numbers(transactions.parse(sealed.raw).entries)]
    assert found == list(range(number))
    store.close()


def test_what_a_bridge_commits_is_synced_at_every_commit(tmp_path):
    store = Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


def test_transactions_grow_with_what_waits_for_receipts_and_never_over_the_limit(tmp_path):
    now = [0.0]
    store = Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    intake = intake_of(store, clock=lambda: now[0], limits=Limits(readings=64, wait_s=0.25, most=2000))
    for number in range(63):
        take(intake, number)
    intake.commit()
    assert not intake.due(0)
    now[0] = 0.25
    assert intake.due(0)
    take(intake, 63)
    intake.commit()
    now[0] = 0.1
    assert intake.due(0)
    assert not intake.due(1)
    for number in range(64, 5000):
        take(intake, number)
    intake.commit()
    assert intake.due(1000)
    sizes = []
    while sealed := intake.seal():
        sizes.append(len(transactions.parse(sealed.raw).entries))
    assert sizes == [2000, 2000, 1000]
    store.close()


def test_a_record_that_no_transaction_can_hold_is_refused_before_it_holds_up_all_others(tmp_path):
    store = Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    intake = intake_of(store)
    for wrong in (replace(BOARD, model=""), replace(BOARD, channels=(ChannelInfo("A0", "V", 1, 0, 0),))):
        with pytest.raises(QcotError, match="bad-board-record"):
            intake.announce(wrong, bytes(32))
    assert not intake.dirty
    take(intake, 0)
    intake.commit()
    assert numbers(transactions.parse(intake.seal().raw).entries) == [0]
    store.close()


def test_however_large_its_entries_a_transaction_stays_under_1_mib(tmp_path):
    store = Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    intake = intake_of(store)
    channels = tuple(ChannelInfo("n" * 64, "u" * 64, -(1 << 31), -(1 << 31), -(1 << 31)) for _ in range(255))
    for number in range(40):
        intake.announce(replace(BOARD, device=number.to_bytes(8, "big"), channels=channels), bytes(32))
    intake.commit()
    sizes, entries = [], []
    while sealed := intake.seal():
        sizes.append(len(sealed.raw))
        entries += transactions.parse(sealed.raw).entries
    assert [int.from_bytes(entry.device, "big") for entry in entries] == list(range(40))
    assert max(sizes) <= 1 << 20
    for number in range(transactions.MAX_ENTRIES):
        intake.take(DEVICE, bytes(transactions.MAX_FRAME), 1, Resume(1, number + 1, bytes(32)))
    intake.commit()
    assert 1 << 19 < len(intake.seal().raw) <= 1 << 20
    store.close()


def test_a_bridge_that_starts_again_finds_what_it_had_not_signed(tmp_path):
    store = Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    intake = intake_of(store)
    intake.announce(BOARD, bytes(32))
    take(intake, 0)
    intake.commit()
    store.close()
    store = Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    intake = intake_of(store)
    intake.announce(BOARD, bytes(32))  # known already: announced once
    assert not intake.dirty
    sealed = intake.seal()
    entries = transactions.parse(sealed.raw).entries
    assert isinstance(entries[0], transactions.EnrolmentEntry)
    assert entries[0].commitment == bytes(32)
    assert numbers(entries) == [0]
    store.close()


def test_only_the_next_sequence_can_be_sealed(tmp_path):
    store = Store(tmp_path / "outbox.sqlite", SITE, BRIDGE)
    intake = intake_of(store)
    take(intake, 0)
    intake.commit()
    entries = [transactions.FrameEntry(DEVICE, 1, 0, frame(0))]
    with pytest.raises(ValueError, match="not the next"):
        store.seal([1], sign(IDENTITY, 2, 0, entries, 1))
    assert store.counts() == (1, 0, 0)
    store.close()


def test_the_file_is_plain_sqlite(tmp_path):
    path = tmp_path / "outbox.sqlite"
    store = Store(path, SITE, BRIDGE)
    intake = intake_of(store)
    take(intake, 0)
    intake.commit()
    store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT seq FROM boards").fetchall() == [(1,)]


def test_what_a_board_signed_and_a_frames_clock_are_on_disk_before_they_are_signed_for(tmp_path):
    clock = transactions.Clock(1_790_000_000_000_000, -5_000_000, 8200)
    checkpoint = transactions.CheckpointEntry(DEVICE, 3, (1 << 32) - 1, b"l" * 32, bytes(range(256)) * 16)
    path = tmp_path / "outbox.sqlite"
    store = Store(path, SITE, BRIDGE)
    intake = intake_of(store)
    intake.take(DEVICE, frame(0), 1, Resume(3, 1, bytes(32)), clock)
    intake.take(DEVICE, frame(1), 1, Resume(3, 2, bytes(32)))
    intake.take_checkpoint(checkpoint)
    intake.commit()
    store.close()
    again = intake_of(Store(path, SITE, BRIDGE))
    assert again.holds(DEVICE)
    told = transactions.parse(again.seal().raw).entries
    assert [each.clock for each in told[:2]] == [clock, None]
    assert told[2] == checkpoint
    assert numbers(told) == [0, 1]
