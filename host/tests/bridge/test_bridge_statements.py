"""What a bridge brings besides readings, how its key gives over, and one board that takes no other along."""

import hashlib
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from bridge_site import (
    AUTHORITY,
    BRIDGE,
    BRIDGE_CERTIFICATE,
    BRIDGE_KEY,
    GATEWAY_KEY,
    SITE,
    Ledger,
    Limits,
    sample,
    troubles,
)
from patience import until
from qcot.bridge import spool
from qcot.bridge.intake import Identity, Intake, parts, sign
from qcot.bridge.publisher import Publisher
from qcot.bridge.statements import Statements
from qcot.bridge.store import Refusal, Sealed, Store
from qcot.crypto import keyfile
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.ledger import receipts, transactions
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.transactions import FrameEntry, StatementEntry
from qcot.link.events import Resume
from qcot.records import statements as record
from trust_site import FROM, TO

OWNER = SigningKey(ML_DSA_44, b"o" * 32)
NEW_SEED = b"\x0c" * 32
NEW_KEY = SigningKey(ML_DSA_65, NEW_SEED)
NEW_CERTIFICATE = AUTHORITY.bridge(NEW_KEY, BRIDGE)
ROTATION = AUTHORITY.rotate(BRIDGE_KEY, NEW_KEY, NEW_CERTIFICATE)
ONE, TWO = bytes([1]) * 8, bytes([2]) * 8


def published(number):
    body = record.Publish(bytes([number]) * 16, OWNER.public_key, b"k" * 32, b"m" * 32, 1, b"d" * 32, "text/plain")
    return record.build(OWNER, body, 1)


@pytest.fixture
def serve(home, gateway, running, mosquitto):
    return lambda **options: running(home.config(mosquitto, **options))


# Certificates and submissions


def test_certificates_and_submissions_reach_the_ledger_once_each_and_apart_from_readings(home, gateway, serve):
    board = home.board()
    submitted = [spool.submit(home.path, published(number)) for number in range(3)]
    bridge = serve()
    sample(board, 20)
    until(lambda: len(gateway.readings(board.board)) == 20, "the readings")
    late = spool.submit(home.path, raw := published(9))
    until(lambda: published_in(gateway) >= {*submitted, late}, "the submission")
    until(lambda: not list(spool.folder(home.path).glob("*.cbor")), "the files")
    brought = [each.statements for each in gateway.ledger.everything if each.statements]
    assert brought[0] == (AUTHORITY.certificate, BRIDGE_CERTIFICATE)  # who signs, before anything that is signed
    assert all(len(each) == 1 for each in brought[1:])
    assert all(len(each.entries) == len(each.statements) for each in gateway.ledger.everything if each.statements)
    count = len(gateway.ledger.statements)
    assert count == len(set(gateway.ledger.statements))
    spool.submit(home.path, raw)  # again: it is on the ledger
    until(lambda: not list(spool.folder(home.path).glob("*.cbor")), "the file")
    bridge.stop()
    bridge = serve()
    sample(board, 5)
    until(lambda: len(gateway.readings(board.board)) == 25, "more readings")
    assert len(gateway.ledger.statements) == count
    assert troubles(bridge) == set()


def test_a_refused_submission_that_comes_again_is_taken_before_its_file_goes(home, outbox):
    store, intake = outbox()
    config = SimpleNamespace(home=home.path)
    statements = Statements(config, store, intake, lambda problem, reason: None)
    intake.bring((raw := published(1),))
    intake.commit()
    sealed = intake.seal()
    store.settle([], [Refusal(sealed.hash, "record-repeated", "because")])
    spool.submit(home.path, raw)
    statements.tidy()  # as when the file came after the last look
    assert list(spool.folder(home.path).glob("*.cbor"))
    statements.look()
    intake.commit()
    statements.tidy()
    assert not list(spool.folder(home.path).glob("*.cbor"))
    assert raw in [item.body for _, item in store.pending()]


def published_in(gateway):
    return {hashlib.sha256(each).digest() for each in gateway.ledger.statements}


def test_a_certificate_that_is_installed_while_the_bridge_runs_is_brought(home, gateway, serve):
    serve()
    until(lambda: BRIDGE_CERTIFICATE in gateway.ledger.statements, "its own")
    witness = AUTHORITY.witness(SigningKey(ML_DSA_44, b"w" * 32))
    home.certify("witnesses/witness", witness)
    until(lambda: witness in gateway.ledger.statements, "the witness")


def test_a_submission_that_is_refused_is_told_and_kept_with_its_reason_and_holds_up_nothing(home, gateway, serve):
    board = home.board()
    bridge = serve()
    access = record.build(OWNER, record.Access(bytes([7]) * 16, "care", bytes(16)), 2)
    refused = spool.submit(home.path, access)
    reason = until(lambda: spool.refusal(home.path, refused), "the reason")
    assert reason.startswith("pseudonym-unknown: ")
    until(lambda: "statement-refused" in troubles(bridge), "the trouble")
    sample(board, 10)
    until(lambda: len(gateway.readings(board.board)) == 10, "the readings")
    spool.submit(home.path, published(7))  # what it rests on
    until(lambda: published(7)[:60] in {each[:60] for each in gateway.ledger.statements}, "the record")
    spool.submit(home.path, access)
    until(lambda: access in gateway.ledger.statements, "the same, a second time")
    until(lambda: spool.refusal(home.path, refused) is None, "the reason to go")


def test_files_that_are_no_statements_are_named_and_left_alone(home, gateway, serve):
    place = spool.folder(home.path)
    place.mkdir(parents=True)
    (place / "junk.cbor").write_bytes(b"junk")
    (place / "long.cbor").write_bytes(published(1) + bytes(20_000))
    home.certify("junk", b"junk")
    bridge = serve()
    until(lambda: "statement-unreadable" in troubles(bridge), "the trouble")
    spool.submit(home.path, published(2))
    until(lambda: published(2)[:60] in {each[:60] for each in gateway.ledger.statements}, "the good one")
    assert {each.name for each in place.glob("*.cbor")} == {"junk.cbor", "long.cbor"}


# Rotation


def with_next(home):
    home.certify("bridge.next", NEW_CERTIFICATE)
    (home.path / "keys").mkdir(exist_ok=True)
    keyfile.create(home.path / "keys" / "bridge.seed", b"\1" * 32)
    keyfile.create(home.path / "keys" / "bridge.next.seed", NEW_SEED)


def test_a_rotation_is_the_old_keys_last_and_the_new_one_takes_its_files(home, gateway, serve):
    board = home.board()
    with_next(home)
    bridge = serve()
    sample(board, 10)
    until(lambda: len(gateway.readings(board.board)) == 10, "the readings")
    spool.submit(home.path, ROTATION)
    until(lambda: ROTATION in gateway.ledger.statements, "the rotation")
    sample(board, 10)
    until(lambda: len(gateway.readings(board.board)) == 20, "readings under the new key")
    at = next(at for at, each in enumerate(gateway.ledger.everything) if ROTATION in each.statements)
    kids = [each.kid for each in gateway.ledger.everything]
    assert set(kids[: at + 1]) == {BRIDGE_KEY.public_key.kid}
    assert set(kids[at + 1 :]) == {NEW_KEY.public_key.kid}
    keys = home.path / "keys"
    until(lambda: not (keys / "bridge.next.seed").exists(), "the files")
    assert keyfile.load(keys / "bridge.seed") == NEW_SEED
    assert (home.path / "certificates" / "bridge.cert").read_bytes() == NEW_CERTIFICATE
    assert not (home.path / "certificates" / "bridge.next.cert").exists()
    bridge.stop()
    bridge = serve(key=NEW_KEY)
    sample(board, 10)
    until(lambda: len(gateway.readings(board.board)) == 30, "readings after a restart")
    assert troubles(bridge) == set()


def test_a_rotation_that_is_refused_leaves_the_old_key_in_use(home, gateway, serve):
    board = home.board()
    with_next(home)
    (home.path / "certificates" / "bridge.next.cert").unlink()  # so the ledger knows no such key
    bridge = serve()
    rotation = spool.submit(home.path, ROTATION)
    until(lambda: spool.refusal(home.path, rotation), "the reason")
    sample(board, 10)
    until(lambda: len(gateway.readings(board.board)) == 10, "the readings")
    assert {each.kid for each in gateway.ledger.everything} == {BRIDGE_KEY.public_key.kid}
    until(lambda: "statement-refused" in troubles(bridge), "the trouble")
    assert (home.path / "keys" / "bridge.next.seed").exists()


def test_a_rotation_to_a_key_that_is_not_here_waits_for_it(home, gateway, serve):
    bridge = serve()
    spool.submit(home.path, ROTATION)
    until(lambda: "rotation-without-key" in troubles(bridge), "the trouble")
    with_next(home)
    until(lambda: ROTATION in gateway.ledger.statements, "the rotation")


@pytest.fixture
def outbox(tmp_path):
    opened = []

    def open_(**changes):
        for each in opened:
            each.close()
        opened.append(Store(tmp_path / "outbox.sqlite", SITE, BRIDGE))
        identity = replace(Identity(SITE, BRIDGE, "default", BRIDGE_KEY, lambda: NEW_KEY), **changes)
        return opened[-1], Intake(opened[-1], identity, Limits(), clock=lambda: 0.0, wall=lambda: 1)

    yield open_
    for each in opened:
        each.close()


def frame(device, number):
    return FrameEntry(device, 1, 1, bytes([device[0]]) * 8 + number.to_bytes(4, "big"))


def take(intake, *frames):
    for each in frames:
        intake.take(each.device, each.frame, 1, Resume(1, 1, bytes(32)))
    intake.commit()
    return intake.seal()


def kids(store):
    return [transactions.envelope(each.raw).kid for each in store.outbox()]


def test_started_again_in_the_middle_of_a_rotation_a_bridge_signs_with_the_new_key(outbox):
    store, intake = outbox()
    take(intake, frame(ONE, 1))
    intake.bring((ROTATION,))
    intake.commit()
    intake.seal()
    old, new = BRIDGE_KEY.public_key.kid, NEW_KEY.public_key.kid
    store, intake = outbox()
    take(intake, frame(ONE, 2))
    assert kids(store) == [old, old, new]
    intake.renumber(5)  # each with the key that signed it: the rotation stays the old one's last
    assert kids(store) == [old, old, new]
    store, intake = outbox(key=NEW_KEY, next_key=lambda: None)  # the files were exchanged meanwhile
    assert intake.key.public_key.kid == new


def test_what_nobody_would_take_as_it_is_is_signed_anew_when_the_bridge_starts(outbox):
    store, intake = outbox(policy="old")
    take(intake, frame(ONE, 1))
    take(intake, frame(ONE, 2))
    before = [each.sequence for each in store.outbox()]
    store, _ = outbox()
    assert [transactions.parse(each.raw).policy for each in store.outbox()] == ["default"] * 2
    other = SigningKey(ML_DSA_65, b"\x0e" * 32)
    store, _ = outbox(key=other, next_key=lambda: None)  # the old one was lost
    assert kids(store) == [other.public_key.kid] * 2
    assert [each.sequence for each in store.outbox()] == before
    for each in store.outbox():
        transactions.parse(each.raw).verify(other.public_key)


# A gateway that lacks the certificates, and one that refuses what one board sent


class Desk:
    """A publisher over an outbox, answered by hand."""

    def __init__(self, store, intake, introduction=(), **options):
        self.store, self.intake, self.introduction = store, intake, introduction
        self.now, self.sent, self.troubles = 0.0, [], []
        self.publisher = Publisher(
            store, GATEWAY_KEY.public_key, site=SITE, bridge=BRIDGE, send=self.sent.append,
            renumber=intake.renumber, trouble=lambda problem, reason: self.troubles.append(problem.name),
            introduction=lambda: self.introduction, **options,
        )  # fmt: skip
        self.publisher.accepted = 1

    def pump(self, after=1.0):
        self.now += after
        del self.sent[:]
        self.publisher.pump(self.now)
        return [transactions.parse(raw) for raw in self.sent]

    def answer(self, *answers, wanted):
        raw = receipts.build(GATEWAY_KEY, site=SITE, bridge=BRIDGE, time=1, next_sequence=wanted, answers=answers)
        self.publisher.receive(raw, self.now)

    def entries(self):
        return [transactions.parse(each.raw).entries for each in self.store.outbox()]


def later(transaction, name):
    return Answer(transaction.hash, 0, Status.LATER, None, name, "because")


def refused(transaction, entry, name="chain-gap"):
    return Answer(transaction.hash, transaction.sequence, Status.REFUSED, None, name, f"entry {entry}: because")


def accepted(transaction):
    return Answer(transaction.hash, transaction.sequence, Status.ACCEPTED, 1, "", "")


@pytest.mark.parametrize(
    "name",
    ["certificate-unknown", "certificate-expired", "certificate-revoked", "certificate-rotated", "policy-foreign"],
)
def test_a_gateway_without_the_newest_certificate_is_told_it_before_all_else_and_once(outbox, name):
    store, intake = outbox()
    take(intake, frame(ONE, 1))
    chain = (AUTHORITY.certificate, BRIDGE_CERTIFICATE)
    desk = Desk(store, intake, chain)
    (sent,) = desk.pump()
    desk.answer(later(sent, name), wanted=1)
    first, second = desk.pump()
    assert (first.sequence, first.statements) == (1, chain)
    assert (second.sequence, second.entries) == (2, (frame(ONE, 1),))
    assert desk.troubles == []
    desk.answer(later(first, name), wanted=1)  # it did not help: now somebody has to act
    assert desk.troubles == ["transactions-held-up"]
    assert len(store.outbox()) == 2
    desk.introduction = (AUTHORITY.certificate, NEW_CERTIFICATE)
    desk.answer(later(desk.pump(after=40.0)[0], name), wanted=1)
    assert desk.pump(after=40.0)[0].statements == desk.introduction


def test_a_certificate_taken_back_before_its_successor_came_holds_nothing_up(outbox):
    """The successor waits behind readings that nobody takes without it."""
    store, intake = outbox()
    ledger, former, renewed = Ledger(), AUTHORITY.bridge(BRIDGE_KEY, BRIDGE), AUTHORITY.bridge(BRIDGE_KEY, BRIDGE)
    register = ledger.standing.register
    for each in (AUTHORITY.certificate, former):
        register = register.admit(each, int(time.time()))
    ledger.standing = replace(ledger.standing, register=register.revoke(AUTHORITY.revoke(former, "superseded")))
    record_ = published(1)
    for each in (record_, renewed):
        intake.bring((each,))
        intake.commit()
        intake.seal()
    desk = Desk(store, intake, (AUTHORITY.certificate, renewed))
    while sent := desk.pump(after=40.0):
        desk.answer(*(ledger.take(each.raw) for each in sent), wanted=ledger.next)
        assert desk.troubles == []
    assert store.counts() == (0, 0, 0)
    assert record_ in ledger.statements


def ended(how):
    """A ledger on which the old key's certificate has ended."""
    past, ledger = int(time.time()) - 10, Ledger()
    old = AUTHORITY.bridge(BRIDGE_KEY, BRIDGE, span=(past - 10, past if how == "expired" else past + 1000))
    register = ledger.standing.register.admit(AUTHORITY.certificate, past - 1).admit(old, past - 1)
    if how == "revoked":
        register = register.revoke(AUTHORITY.revoke(old))
    if how == "rotated":  # the outbox was restored from a backup
        register = register.admit(NEW_CERTIFICATE, past).rotate(ROTATION, BRIDGE_KEY.public_key.kid)
    ledger.standing = replace(ledger.standing, register=register)
    return ledger


@pytest.mark.parametrize("how", ["expired", "revoked", "rotated"])
def test_an_old_key_that_ends_before_its_rotation_was_taken_holds_nothing_up(outbox, home, how):
    store, intake = outbox()
    ledger = ended(how)
    with_next(home)
    one, two, three = map(published, (1, 2, 3))
    for each in (one, ROTATION, two, three):
        intake.bring((each,))
        intake.commit()
        intake.seal()
    old, new = BRIDGE_KEY.public_key.kid, NEW_KEY.public_key.kid
    assert kids(store) == [old, old, new, new]
    told = []
    config = home.config(SimpleNamespace(host="", port=1))
    statements = Statements(config, store, intake, lambda problem, reason: told.append(problem.name))
    desk = Desk(store, intake, statements.chain(), outlived=statements.outlived, settled=statements.settled)
    for _ in range(20):
        sent = desk.pump(after=40.0)
        if sent:
            answers = [ledger.take(each.raw) for each in sent]
            desk.answer(*answers, wanted=ledger.next)
    assert store.counts() == (0, 0, 0)
    brought = [each for each in ledger.statements if each not in (AUTHORITY.certificate, NEW_CERTIFICATE)]
    assert brought == [one, two, three]
    assert {each.kid for each in ledger.everything} == {new}
    assert desk.publisher.backlog == 0
    assert (told, set(desk.troubles)) == (["rotation-left-out"], set())
    keys = home.path / "keys"
    assert not (keys / "bridge.next.seed").exists()
    assert keyfile.load(keys / "bridge.seed") == NEW_SEED
    assert (home.path / "certificates" / "bridge.cert").read_bytes() == NEW_CERTIFICATE
    assert store.signing() is None
    store, intake = outbox(key=NEW_KEY, next_key=lambda: None)
    assert intake.key.public_key.kid == new


def test_a_rotation_is_kept_while_the_ledger_lacks_the_new_keys_certificate(outbox, home):
    store, intake = outbox()
    with_next(home)
    for each in (record_ := published(1), ROTATION):
        intake.bring((each,))
        intake.commit()
        intake.seal()
    statements = Statements(home.config(SimpleNamespace(host="", port=1)), store, intake, lambda *_: None)
    before = store.outbox()
    assert not statements.outlived([before[0].hash], 1)
    introduction = Sealed(3, b"i" * 32, 0, introducing(3))
    store.seal([], introduction)
    store.settle([introduction.hash], [])
    assert not statements.outlived([before[1].hash], 1)  # it is not the first that waits
    assert store.outbox() == before
    assert statements.outlived([before[0].hash], 1)
    assert [transactions.parse(each.raw).statements for each in store.outbox()] == [(record_,)]


def test_killed_between_leaving_the_rotation_out_and_its_files_the_change_of_key_is_finished(outbox, home):
    store, intake = outbox()
    with_next(home)
    for each in (published(1), ROTATION):
        intake.bring((each,))
        intake.commit()
        intake.seal()
    intake.renumber(1, without=hashlib.sha256(ROTATION).digest())
    store, intake = outbox()  # with the old key's files
    assert kids(store) == [NEW_KEY.public_key.kid]
    statements = Statements(home.config(SimpleNamespace(host="", port=1)), store, intake, lambda *_: None)
    statements.settled(store.settle([store.outbox()[0].hash], []))
    assert keyfile.load(home.path / "keys" / "bridge.seed") == NEW_SEED
    assert store.signing() is None


def introducing(sequence):
    entries = [StatementEntry(AUTHORITY.certificate), StatementEntry(NEW_CERTIFICATE)]
    return sign(Identity(SITE, BRIDGE, "default", NEW_KEY), sequence, 1, entries, 0).raw


def test_what_is_refused_for_one_board_comes_again_without_it_and_in_order(outbox):
    store, intake = outbox()
    for number in range(0, 6, 2):
        take(intake, frame(ONE, number), frame(TWO, number), frame(ONE, number + 1), frame(TWO, number + 1))
    desk = Desk(store, intake)
    first, second, third = desk.pump()
    desk.answer(refused(first, 1), wanted=2)
    assert desk.pump() == []  # until all that is on its way was answered
    # What board one sent since does not follow either, for want of the first.
    desk.answer(refused(second, 0), refused(third, 0), wanted=4)
    again = desk.pump()
    assert [each.sequence for each in again] == [4, 5, 6, 7]
    assert again[0].entries == (frame(ONE, 0), frame(ONE, 1))
    assert again[1].entries == (frame(TWO, 0), frame(TWO, 1))
    assert [each.entries for each in again[2:]] == [second.entries, third.entries]
    desk.answer(accepted(again[0]), refused(again[1], 0), refused(again[2], 1), refused(again[3], 0), wanted=8)
    assert desk.troubles == ["transaction-refused"]  # board two's alone
    assert [refusal.name for _, refusal in store.refused()] == ["chain-gap"]
    left = desk.pump()
    assert [each.entries for each in left] == [
        (frame(ONE, 2), frame(ONE, 3)), (frame(TWO, 2), frame(TWO, 3)), third.entries
    ]  # fmt: skip
    assert desk.publisher.backlog == 3


def test_a_connection_that_breaks_meanwhile_loses_and_doubles_nothing(outbox):
    store, intake = outbox()
    for number in range(2):
        take(intake, frame(ONE, number), frame(TWO, number))
    desk = Desk(store, intake)
    first, second = desk.pump()
    desk.answer(refused(first, 1), wanted=2)
    desk.publisher.restart()
    assert desk.pump() == [first, second]  # which the gateway answers again
    desk.answer(refused(first, 1), refused(second, 0), wanted=3)
    assert [each.entries for each in desk.pump()] == [(frame(ONE, 0),), (frame(TWO, 0),), second.entries]


def test_one_boards_broken_chain_takes_no_other_boards_readings_along(home, gateway, serve):
    good, bad = home.board("a"), home.board("b")
    bridge = serve()
    until(lambda: len(gateway.ledger.opened) == 2, "both boards")
    sample(bad, 10)
    until(lambda: len(gateway.readings(bad.board)) == 10, "the first readings")
    with gateway.lock:  # the ledger has lost one of them
        device = gateway.ledger.devices[bad.board.device]
        gateway.ledger.devices[bad.board.device] = replace(device, next_seq=9)
    for _ in range(10):
        sample(good, 10)
        sample(bad, 10)
    until(lambda: len(gateway.readings(good.board)) == 100, "the good board's readings")
    until(lambda: bridge.snapshot().outbox == 0, "all to be settled")
    assert len(gateway.readings(bad.board)) == 10
    assert {"transaction-refused"} <= troubles(bridge) <= {"transaction-refused", "outbox-renumbered"}


def test_parts_keep_every_entry_once_and_each_boards_order():
    entries = [frame(ONE, 0), frame(TWO, 0), StatementEntry(b"s"), frame(ONE, 1), frame(TWO, 1)]
    others, own = parts(entries, "entry 1: because")
    assert (others, own) == ([entries[0], entries[2], entries[3]], [entries[1], entries[4]])
    for reason in ("entry 2: a statement", "entry 9: none", "because", "entry x: y"):
        assert parts(entries, reason) == [entries]
    assert parts([frame(ONE, 0)], "entry 0: because") == [[frame(ONE, 0)]]


def test_what_was_refused_for_an_ended_certificate_and_since_for_want_of_it_is_sent_again_in_order(outbox, home):
    store, intake = outbox()
    names = ["chain-gap", "certificate-expired", "certificate-expired", "chain-gap", "chain-repeated"]
    frames = [frame(ONE, 0), frame(ONE, 1), frame(TWO, 0), frame(ONE, 2), frame(ONE, 3)]
    for each, name in zip(frames, names, strict=True):
        store.settle([], [Refusal(take(intake, each).hash, name, "entry 0: because")])
    now = 1_700_000_000.0
    statements = Statements(
        home.config(SimpleNamespace(host="", port=1)), store, intake, lambda *_: None, clock=lambda: now
    )
    assert not statements.send_again()  # no certificate
    home.certify("boards/one", raw := AUTHORITY.board(ONE, bytes(32)))
    assert not statements.send_again()  # it is not on the ledger
    statements.look()
    intake.commit()
    while (sealed := intake.seal()) is not None:
        store.settle([sealed.hash], [])
    assert raw not in statements.chain()
    late = take(intake, frame(ONE, 4))
    assert not statements.send_again()  # this one is still to be refused for want of them
    store.settle([], [Refusal(late.hash, "chain-gap", "entry 0: because")])
    with pytest.raises(QcotError, match="board-set-aside"):
        statements.require_board(ONE)
    assert statements.send_again()
    statements.require_board(ONE)
    assert [transactions.parse(each.raw).entries for each in store.outbox()] == [
        (frame(ONE, 1),), (frame(ONE, 2),), (frame(ONE, 4),)
    ]  # fmt: skip
    assert [each.sequence for each in store.outbox()] == list(range(late.sequence + 1, late.sequence + 4))
    assert store.next_sequence == late.sequence + 4
    assert [refusal.name for _, refusal in store.refused()] == ["chain-gap", "certificate-expired", "chain-repeated"]
    store.settle([], [Refusal(each.hash, "certificate-expired", "entry 0: because") for each in store.outbox()])
    assert not statements.send_again()  # not at once with the same certificate
    now += 61
    assert statements.send_again()


def test_a_board_that_was_revoked_is_not_served_until_it_has_another_certificate(outbox, home):
    store, intake = outbox()
    now = 1_700_000_000.0
    statements = Statements(
        home.config(SimpleNamespace(host="", port=1)), store, intake, lambda *_: None, clock=lambda: now
    )

    def bring(raw):
        home.certify("boards/one", raw)
        statements.look()
        intake.commit()
        while (sealed := intake.seal()) is not None:
            store.settle([sealed.hash], [])

    def refuse():
        store.settle([], [Refusal(each.hash, "certificate-revoked", "entry 0: because") for each in store.outbox()])

    bring(AUTHORITY.board(ONE, bytes(32)))
    take(intake, frame(ONE, 0))
    refuse()
    assert statements.send_again()  # once: another certificate may have come meanwhile
    refuse()
    now += 3600
    assert not statements.send_again()
    with pytest.raises(QcotError, match="board-set-aside"):
        statements.require_board(ONE)
    bring(AUTHORITY.board(ONE, bytes(32), span=(FROM + 1, TO)))
    assert statements.send_again()
    statements.require_board(ONE)
    assert [transactions.parse(each.raw).entries for each in store.outbox()] == [(frame(ONE, 0),)]


def test_a_board_whose_enrolment_was_refused_is_announced_again(home, gateway, serve):
    board = home.board()
    other = AUTHORITY.board(board.board.device, b"x" * 32)
    home.certify(f"boards/{board.board.device.hex()}", other)  # certified with another key
    bridge = serve()
    until(lambda: "transaction-refused" in troubles(bridge), "the refusal")
    home.certify_board(board.board.device)
    board.reset()
    sample(board, 10)
    until(lambda: len(gateway.readings(board.board)) == 10, "the readings")


def test_a_submission_is_on_disk_once_however_often_it_is_made(tmp_path):
    digest = spool.submit(tmp_path, b"statement")
    assert spool.submit(tmp_path, b"statement") == digest == hashlib.sha256(b"statement").digest()
    (path,) = spool.folder(tmp_path).iterdir()
    assert (path.name, path.read_bytes()) == (f"{digest.hex()}.cbor", b"statement")
    assert spool.refusal(tmp_path, digest) is None
    spool.refuse(tmp_path, b"statement", "name: reason")
    assert spool.refusal(tmp_path, digest) == "name: reason"
    spool.forget_refusal(tmp_path, digest)
    assert spool.refusal(tmp_path, digest) is None


def test_a_next_key_that_others_can_read_is_not_used(home, mosquitto):
    with_next(home)
    (home.path / "keys" / "bridge.next.seed").chmod(0o644)
    with pytest.raises(QcotError, match="key-file-mode"):
        home.config(mosquitto).next_key()


def test_a_checkpoint_that_was_refused_goes_alone_and_its_boards_readings_without_it():
    checkpoint = transactions.CheckpointEntry(ONE, 1, 14, bytes(32), b"signature")
    entries = [frame(ONE, 0), frame(TWO, 0), checkpoint, frame(ONE, 1)]
    assert parts(entries, "entry 2: because") == [[entries[0], entries[1], entries[3]], [checkpoint]]
    assert parts(entries, "entry 3: because") == [[entries[1]], [entries[0], checkpoint, entries[3]]]
    assert parts([checkpoint], "entry 0: because") == [[checkpoint]]
