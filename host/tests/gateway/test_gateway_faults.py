"""Disks, files and settings that fail: a named error, nothing given out that is not stored, and on again by itself."""

import resource
import time
from contextlib import contextmanager
from hashlib import sha256

import pytest
from gateway_site import AUTHORITY, CHAIN, GATEWAY_KEY, TRUST
from hypothesis import given
from hypothesis import strategies as st
from lms_board import LmsBoard
from patience import until
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.gateway import Gateway
from qcot.gateway.inbox import Inbox, Message
from qcot.gateway.limits import MAX_DEVICES, Bucket, Limiter, Limits, Rate
from qcot.ledger.ahead import TRANSACTION_FIRST_BYTE
from qcot.ledger.reader import Reader
from qcot.ledger.receipts import Status
from qcot.ledger.transactions import CheckpointEntry, StatementEntry
from qcot.ledger.verify import verify
from small_disk import fill
from trust_site import FROM, Authority, root_of

OLD = AUTHORITY.gateway(GATEWAY_KEY, "gw", "qcot.local/home", span=(FROM, FROM + 86_400))


def name_of(raised) -> str:
    return raised.value.problem.name


@contextmanager
def files_at_most(size):
    """The disk is full for every file that would grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_second_gateway_on_the_same_ledger_is_refused(desk, config, broker):
    one = desk()
    second = Gateway(config(broker))
    with pytest.raises(QcotError) as raised:
        second.start()
    assert name_of(raised) == "ledger-locked"
    second.stop()
    one.stop()
    third = Gateway(config(broker))
    third.start()
    third.stop()


def test_with_a_full_disk_nothing_is_answered_and_all_of_it_once_there_is_room(desk, bridge, board):
    one = desk()
    one.give(bridge.sign(board.enrolment()))
    wal = one.config.ledger.with_name("ledger.db-wal")
    waiting = [bridge.sign(board.entry(), board.entry(), board.entry()) for _ in range(5)]
    with files_at_most(wal.stat().st_size + 4096):
        assert one.give(*waiting[:3]) == []
        assert one.acked[1:] == []
        trouble = one.worker.snapshot(True).trouble
        assert trouble.split(":")[0] in {"disk-full", "ledger-io"}
        one.worker._retry_at = 0
        assert one.give(*waiting[3:]) == []
        assert [event.kind for event in one.events].count("trouble") == 1  # told once
    one.worker._retry_at = 0
    assert [answer.status for answer in one.give()] == [Status.ACCEPTED] * 5
    assert one.acked[1:] == waiting
    assert one.worker.snapshot(True).trouble is None
    assert [raw for _, raw in one.books.ledger.leaves(1)] == waiting


def test_a_gateway_on_a_full_disk_answers_for_nothing_more_and_takes_all_once_there_is_room(
    running, endpoint, bridge, board, small_disk
):
    path = small_disk / "ledger.db"
    gateway, end = running(ledger=path), endpoint()
    sent = [bridge.sign(board.enrolment())]
    end.ask(sent[0])
    ballast = fill(small_disk)
    while gateway.snapshot().trouble is None:
        assert len(sent) < 1000
        sent.append(bridge.sign(*(board.entry() for _ in range(8))))
        end.send(sent[-1])
        time.sleep(0.01)
    assert gateway.snapshot().trouble.startswith(("disk-full", "key-store-io"))  # whichever store was the first
    assert "full" in gateway.snapshot().trouble
    told = {answer.hash for answer in end.answered_so_far() if answer.status is Status.ACCEPTED}
    with Reader.open(path) as reader:
        stored = [raw for _, raw in reader.leaves() if raw[0] == TRANSACTION_FIRST_BYTE]
    assert stored == sent[: len(stored)]
    assert told <= {sha256(raw).digest() for raw in stored}
    ballast.unlink()
    assert [answer.status for answer in end.deliver(sent)] == [Status.ACCEPTED] * len(sent)
    until(lambda: gateway.snapshot().trouble is None, "room")
    gateway.stop()
    with Reader.open(path) as reader:
        assert [raw for _, raw in reader.leaves() if raw[0] == TRANSACTION_FIRST_BYTE] == sent
        assert verify(reader, TRUST).holds


def test_a_disk_that_fills_between_header_and_checkpoint_gives_out_no_checkpoint_until_it_is_stored(
    desk, bridge, board
):
    one = desk(max_transactions=1)
    one.give(bridge.sign(board.enrolment()))
    until(one.worker._closing.done, "the quantum part")
    wal = one.config.ledger.with_name("ledger.db-wal")
    sizes = iter(range(wal.stat().st_size, wal.stat().st_size + 200_000, 4096))
    while one.books.ledger.last_header is None:  # until there is room for the header, and for no more
        with files_at_most(next(sizes)):
            one.worker._retry_at = 0
            one.give()
            if one.books.ledger.last_header is not None and one.checkpoints:
                pytest.fail("both were written at once")
    assert one.checkpoints == []
    assert one.worker.snapshot(True).trouble
    one.worker._retry_at = 0
    one.give()
    assert one.checkpoints == [one.books.checkpoint]
    assert one.books.ledger.checkpoint(2) == one.books.checkpoint


def test_a_gateway_that_is_stopped_while_the_disk_is_full_ends(running, endpoint, bridge, board, config):
    gateway, end = running(interval_s=3600.0), endpoint()
    end.ask(bridge.sign(board.enrolment()))
    with files_at_most(config().ledger.with_name("ledger.db-wal").stat().st_size):
        end.send(bridge.sign(board.entry()))
        until(lambda: gateway.snapshot().trouble, "the disk to be full")
        gateway.stop()
    assert end.receipts.empty()


@pytest.mark.parametrize("damage", ["header", "truncated", "leaf"])
def test_a_damaged_ledger_is_named_and_left_alone(desk, config, bridge, board, damage):
    one = desk()
    raw = bridge.sign(board.enrolment(), board.entry())
    one.give(raw)
    one.stop()
    path = config().ledger
    whole = path.read_bytes()
    assert whole.count(raw[-300:-200]) == 1
    at = whole.index(raw[-300:-200])
    damaged = {
        "header": b"not a database at all" + whole[21:],
        "truncated": whole[: len(whole) // 2],
        "leaf": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
    }[damage]
    path.write_bytes(damaged)
    with pytest.raises(QcotError) as raised:
        desk()
    assert name_of(raised) == "ledger-corrupt"
    assert path.read_bytes() == damaged


def test_a_ledger_that_breaks_under_a_running_gateway_ends_it_by_name(running, endpoint, bridge, board, config):
    gateway, end = running(interval_s=3600.0), endpoint()
    end.ask(bridge.sign(board.enrolment()))
    gateway._books.ledger._db.execute("UPDATE leaf SET bytes = x'd2' WHERE idx = 0")
    gateway.request_stop()  # which closes the open Qblock, and so recomputes the tree
    with pytest.raises(QcotError) as raised:
        gateway.run()
    assert name_of(raised) == "ledger-corrupt"
    assert gateway.snapshot().checkpoint is None
    assert gateway.events[-1].kind == "trouble"


def test_a_damaged_table_of_readings_ends_a_gateway_and_refuses_no_board_s_checkpoint(desk, bridge, board):
    one, key = desk(), LmsBoard()
    certified = StatementEntry(AUTHORITY.board(board.device, board.key, "test", bytes(32), lms=key.public))
    first, end = board.entry(), (1, board.seq, board.link)
    given = bridge.sign(board.enrolment()), bridge.sign(certified, first), bridge.sign(board.entry())
    assert [answer.status for answer in one.give(*given)] == [Status.ACCEPTED] * 3
    one.books.ledger._db.execute("DELETE FROM run WHERE first = 0")
    before = len(one.sent)
    with pytest.raises(QcotError) as raised:
        one.give(bridge.sign(CheckpointEntry(board.device, *end, key.sign(board.device, *end))))
    assert name_of(raised) == "ledger-corrupt"
    assert len(one.sent) == before


ELSEWHERE = Authority("home", 1)


@pytest.mark.parametrize(
    "other",
    [
        {
            "origin": "qcot.local/elsewhere",
            "certificates": (CHAIN[0], AUTHORITY.gateway(GATEWAY_KEY, "gw", "qcot.local/elsewhere")),
        },
        {
            "authority": ELSEWHERE.root,
            "certificates": (ELSEWHERE.certificate, ELSEWHERE.gateway(GATEWAY_KEY, "gw", "qcot.local/home")),
        },
    ],
)
def test_a_ledger_of_another_log_or_authority_is_not_written(desk, other):
    desk().stop()
    with pytest.raises(QcotError) as raised:
        desk(**other)
    assert name_of(raised) == "ledger-foreign"


def test_a_folder_that_cannot_be_made_is_named(desk, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(QcotError) as raised:
        desk(ledger=tmp_path / "file" / "ledger.db")
    assert name_of(raised) == "ledger-io"


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"site": "a/b"}, "mqtt-bad-level"),
        ({"name": ""}, "mqtt-bad-level"),
        ({"interval_s": 0.0}, "gateway-config"),
        ({"interval_s": float("nan")}, "gateway-config"),
        ({"max_transactions": 0}, "gateway-config"),
        ({"shots": 0}, "quantum-shots"),
        ({"key": SigningKey(ML_DSA_65, bytes(32))}, "gateway-config"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_opened(config, wrong, name):
    with pytest.raises(QcotError) as raised:
        config(**wrong)
    assert name_of(raised) == name
    assert not config().ledger.exists()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"key": SigningKey(ML_DSA_65, bytes(32))}, "gateway-config"),
        ({"certificates": ()}, "certificate-unknown"),
        ({"certificates": CHAIN[:1]}, "certificate-unknown"),
        ({"certificates": CHAIN[1:]}, "issuer-unknown"),
        ({"authority": root_of(1)}, "issuer-unknown"),
        ({"site": "elsewhere"}, "certificate-wrong-site"),
        ({"name": "other"}, "certificate-wrong-name"),
        ({"origin": "qcot.local/other"}, "certificate-wrong-name"),
        ({"key": SigningKey(ML_DSA_44, b"\1" * 32)}, "certificate-unknown"),
        ({"certificates": (CHAIN[0], OLD)}, "certificate-expired"),
    ],
)
def test_a_gateway_that_its_certificate_does_not_name_does_not_start(config, broker, change, name):
    with pytest.raises(QcotError) as raised:
        Gateway(config(broker, **change)).start()
    assert name_of(raised) == name


def test_the_inbox_is_bounded_in_number_and_bytes():
    box = Inbox(max_messages=2, max_bytes=10)
    assert box.put(Message("b", b"12345", lambda: None))
    assert not box.put(Message("b", b"123456", lambda: None))
    assert box.put(Message("b", b"12345", lambda: None))
    assert not box.put(Message("b", b"", lambda: None))
    assert [m.payload for m in box.take(1, 0)] == [b"12345"]
    assert box.put(Message("b", b"1", lambda: None))
    assert [m.payload for m in box.take(9, 0)] == [b"12345", b"1"]
    assert box.take(9, 0) == []


@given(st.floats(0.1, 100), st.integers(1, 50), st.lists(st.tuples(st.floats(0, 5), st.integers(1, 60)), max_size=60))
def test_a_bucket_lets_through_at_most_its_burst_and_its_rate(per_s, burst, arrivals):
    now, taken = 0.0, 0
    bucket = Bucket(Rate(per_s, burst), now)
    for wait, tokens in arrivals:
        now += wait
        if bucket.has(tokens, now):
            bucket.take(tokens)
            taken += tokens
        # A request over the burst passes on a full bucket, and is paid back before the next.
        assert taken <= burst + per_s * now + max(0, 60 - burst) + 1e-6


def test_the_limiter_forgets_the_device_that_it_has_not_seen_for_longest():
    limiter = Limiter(Limits(device=Rate(0, 1), bridge=Rate(0, 10 * MAX_DEVICES)))
    for number in range(MAX_DEVICES + 1):
        assert limiter.excess("b", {number.to_bytes(8, "big"): 1}, 0.0) is None
    assert len(limiter._devices) == MAX_DEVICES
    assert limiter.excess("b", {MAX_DEVICES.to_bytes(8, "big"): 1}, 0.0) is not None
    assert limiter.excess("b", {bytes(8): 1}, 0.0) is None
