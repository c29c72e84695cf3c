"""A gateway believes bridges by their certificates, while it runs, and strangers cost it little."""

from dataclasses import replace
from hashlib import sha256

import pytest
from boards import Board, BridgeSide
from gateway_site import AUTHORITY, CHAIN, GATEWAY_KEY, TRUST
from patience import until
from qcot.certificates.register import Register
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.gateway import identities as identities_
from qcot.gateway.identities import Identities
from qcot.gateway.intake import MAX_INTRODUCTION
from qcot.ledger import transactions
from qcot.ledger.receipts import Status
from qcot.ledger.transactions import StatementEntry
from qcot.ledger.verify import verify
from trust_site import FROM, Authority

NOW = 1_700_000_000
NEW_KEY = SigningKey(ML_DSA_65, b"\x0c" * 32)
NEW_CERTIFICATE = AUTHORITY.bridge(NEW_KEY, "b1")
ELSEWHERE = Authority("home", 1)


def statements(*raws):
    return [StatementEntry(raw) for raw in raws]


def as_bridge(key, name="b1", seed=1, **claims):
    """A bridge whose own certificate is this one."""
    made = BridgeSide(name, seed=seed)
    made.key, made.certificate = key, AUTHORITY.bridge(key, name, **claims)
    return made


@pytest.fixture
def known(desk, bridge, board):
    """A desk that has heard of the bridge and its board."""
    one = desk()
    (answer,) = one.give(bridge.sign(board.enrolment(), board.entry()))
    assert answer.status is Status.ACCEPTED
    return one


def told(desk, raw, bridge="b1"):
    (answer,) = desk.give(raw, bridge=bridge)
    return answer.status, answer.name


def revoked(one, bridge, board):
    one.give(bridge.sign(*statements(AUTHORITY.revoke(bridge.certificate))))
    return bridge.sign(board.entry())


def rotated(one, bridge, board):
    rotation = AUTHORITY.rotate(bridge.key, NEW_KEY, NEW_CERTIFICATE)
    one.give(bridge.sign(*statements(NEW_CERTIFICATE, rotation)))
    return bridge.sign(board.entry())


def foreign_policy(one, bridge, board):
    return bridge.sign(board.entry(), policy="research")


def other_role(one, bridge, board):
    key = SigningKey(ML_DSA_65, b"\x0d" * 32)
    brought = AUTHORITY.issue("witness", "b1", GATEWAY_KEY.public_key)
    return bridge.sign(*statements(brought), board.entry(), key=key)


def other_site(one, bridge, board):
    key = SigningKey(ML_DSA_65, b"\x0e" * 32)
    return bridge.sign(*statements(AUTHORITY.bridge(key, "b1", site="elsewhere")), board.entry(), key=key)


def other_root(one, bridge, board):
    key = SigningKey(ML_DSA_65, b"\x0f" * 32)
    forged = statements(ELSEWHERE.certificate, ELSEWHERE.bridge(key, "b1"))
    return bridge.sign(*forged, board.entry(), key=key)


def other_name(one, bridge, board):
    key = SigningKey(ML_DSA_65, b"\x10" * 32)
    return bridge.sign(*statements(AUTHORITY.bridge(key, "b2")), board.entry(), key=key)


ATTACKS = {
    "certificate-revoked": revoked,
    "certificate-rotated": rotated,
    "policy-foreign": foreign_policy,
    "certificate-unknown": other_role,
    "certificate-wrong-site": other_site,
    "issuer-unknown": other_root,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_who_may_not_sign_is_answered_by_name_and_leaves_nothing(known, bridge, board, name):
    raw = ATTACKS[name](known, bridge, board)
    size, wanted = known.books.ledger.size(), known.books.ledger.wanted("b1")
    assert told(known, raw) == (Status.LATER, name)
    assert (known.books.ledger.size(), known.books.ledger.wanted("b1")) == (size, wanted)
    assert known.worker.snapshot(True).refused == {name: 1} or name == "policy-foreign"
    known.settle()
    assert verify(known.books.ledger, TRUST).holds


def test_a_certificate_of_another_bridge_serves_nobody(known, bridge, board):
    assert told(known, other_name(known, bridge, board)) == (Status.LATER, "certificate-unknown")


def test_a_bridge_whose_certificate_ends_is_held_up_and_goes_on_with_a_new_one(desk, board):
    one, short = desk(), as_bridge(SigningKey(ML_DSA_65, b"\x11" * 32), span=(FROM, NOW + 10))
    assert told(one, short.sign(board.enrolment())) == (Status.ACCEPTED, "")
    one.settle()
    one.now += 20_000
    late = short.sign(board.entry())
    assert told(one, late) == (Status.LATER, "certificate-expired")
    renewed = statements(AUTHORITY.bridge(short.key, "b1", span=(FROM, NOW + 100)))
    assert told(one, short.sign(*renewed, sequence=2)) == (Status.ACCEPTED, "")
    one.settle()
    assert verify(one.books.ledger, TRUST).holds


def test_a_run_is_closed_before_a_certificate_of_it_ends_and_nothing_is_lost(desk, bridge, board):
    one, short = desk(), as_bridge(SigningKey(ML_DSA_65, b"\x12" * 32), "b2", span=(FROM, NOW + 10))
    assert told(one, short.sign(board.enrolment()), "b2") == (Status.ACCEPTED, "")
    one.now += 20_000
    raw = bridge.sign(board.enrolment())
    assert told(one, raw) == (Status.LATER, "qblock-due")  # whereupon one is begun, long before the interval
    until(one.worker._closing.done, "the quantum part")
    assert told(one, raw) == (Status.ACCEPTED, "")
    assert one.books.ledger.last_header.core.time == (NOW + 10) * 1000 - 1
    one.settle()
    assert verify(one.books.ledger, TRUST).holds


def test_a_bridge_that_is_certified_while_the_gateway_runs_is_heard_at_once_and_validates(running, endpoint, board):
    gateway = running()
    first, second = BridgeSide("b1"), BridgeSide("b2", seed=2)
    assert endpoint("b1").ask(first.sign(board.enrolment())).status is Status.ACCEPTED
    late = endpoint("b2")
    for number in range(3):
        assert late.ask(second.sign(board.entry())).status is Status.ACCEPTED
        until(lambda number=number: gateway.snapshot().qblocks > number, "a Qblock")
    ledger = gateway._books.ledger
    verifiers = {ledger.header(height).quantum.validated.verifier for height in range(gateway.snapshot().qblocks)}
    assert verifiers == {"b1", "b2"}


def test_what_was_accepted_keeps_its_answer_when_the_key_falls_but_for_its_own_bridge_alone(known, bridge, board):
    raw = bridge.sign(board.entry())
    (first,) = known.give(raw)
    known.give(bridge.sign(*statements(AUTHORITY.revoke(bridge.certificate))))
    assert known.give(raw) == [first]
    assert told(known, raw, "b2") == (Status.LATER, "certificate-wrong-name")
    counted = known.worker.snapshot(True).refused
    assert counted == {"certificate-wrong-name": 1}


def test_what_comes_right_behind_a_rotation_is_taken_with_it(known, bridge, board):
    old = bridge.sign(*statements(NEW_CERTIFICATE, AUTHORITY.rotate(bridge.key, NEW_KEY, NEW_CERTIFICATE)))
    new = [bridge.sign(board.entry(), key=NEW_KEY) for _ in range(3)]
    assert [each.status for each in known.give(old, *new)] == [Status.ACCEPTED] * 4


def test_a_new_bridges_whole_outbox_is_taken_at_once(desk, bridge, board):
    """More than a stranger may show: what its first transaction brought is remembered until it is stored."""
    raws = [bridge.sign(board.enrolment()), *(bridge.sign(board.entry()) for _ in range(150))]
    assert {each.status for each in desk().give(*raws)} == {Status.ACCEPTED}


def stranger(number, size=0):
    """A transaction that brings certificates of another authority, or, with ``size``, a long one."""
    key = SigningKey(ML_DSA_65, number.to_bytes(32, "big"))
    entries = statements(bytes(16_000)) * (size // 16_000) or statements(
        ELSEWHERE.certificate, ELSEWHERE.bridge(key, "b1")
    )
    return transactions.build(key, site="home", bridge="b1", sequence=1, time=1, entries=entries, policy="default")


def test_what_strangers_send_is_read_only_so_far_and_so_often(known, bridge, board, monkeypatch):
    clock = [1000.0]
    reads = []
    whole = transactions.read
    monkeypatch.setattr("qcot.gateway.intake.transactions.read", lambda *a: reads.append(1) or whole(*a))
    known.worker._identities = identities = Identities(
        known.books.ledger.register, wall=lambda: known.now, clock=lambda: clock[0]
    )
    assert told(known, stranger(1, size=2 * MAX_INTRODUCTION)) == (Status.LATER, "certificate-unknown")
    assert reads == []
    flood = [stranger(number) for number in range(20)]
    names = {answer.name for _ in range(10) for answer in known.give(*flood)}
    assert names == {"issuer-unknown", "limit"}
    assert len(reads) <= identities_.STRANGERS.burst
    assert not identities.may_look()
    # Meanwhile who is known is heard, and after a while so is who is new.
    assert told(known, bridge.sign(board.entry())) == (Status.ACCEPTED, "")
    new = BridgeSide("b7", seed=7).sign(Board(7).enrolment())
    assert told(known, new, "b7") == (Status.LATER, "limit")
    clock[0] += 1
    assert told(known, new, "b7") == (Status.ACCEPTED, "")


def test_identities_are_looked_up_by_name_and_key_and_by_what_is_shown():
    at = [NOW * 1000]
    register = Register(TRUST.root, "home")
    found = Identities(lambda: register, wall=lambda: at[0])
    short = AUTHORITY.bridge(NEW_KEY, "b1", span=(FROM, NOW + 10))
    kid, chain = NEW_KEY.public_key.kid, (AUTHORITY.certificate, short)

    def refusal(*arguments):
        with pytest.raises(QcotError) as raised:
            found.key(*arguments)
        return raised.value.problem.name

    assert refusal("b1", kid) == "certificate-unknown"
    assert refusal("b1", kid, (short,)) == "issuer-unknown"
    assert refusal("b2", kid, chain) == "certificate-unknown"
    assert refusal("b1", kid, (b"junk", *chain[1:])) == "issuer-unknown"
    assert found.key("b1", kid, chain) == NEW_KEY.public_key
    assert found.key("b1", kid) == NEW_KEY.public_key  # which it remembers
    at[0] += 10_000
    assert refusal("b1", kid, chain) == "certificate-expired"


def test_a_gateway_that_may_not_sign_any_more_closes_what_it_has_and_takes_no_more_until_it_may(desk, bridge, board):
    ending = AUTHORITY.gateway(GATEWAY_KEY, "gw", "qcot.local/home", span=(FROM, NOW + 10))
    one = desk(certificates=(CHAIN[0], ending))
    first, second = bridge.sign(board.enrolment()), bridge.sign(board.entry())
    assert told(one, first) == (Status.ACCEPTED, "")
    one.now += 60_000
    assert one.give(second) == []
    assert one.worker.snapshot(True).trouble.startswith("certificate-expired")
    assert one.acked == [first]
    one.worker._retry_at = 0
    one.worker.step([], True)
    until(lambda: one.worker._closing is None or one.worker._closing.done(), "the quantum part")
    one.worker._retry_at = 0
    one.give()
    header = one.books.ledger.last_header
    assert header.core.time == (NOW + 10) * 1000 - 1
    assert one.checkpoints
    assert verify(one.books.ledger, replace(TRUST, certificates=(CHAIN[0], ending))).holds
    one.stop()
    again = desk()
    again.now = one.now
    assert told(again, second) == (Status.ACCEPTED, "")
    again.settle()
    both = replace(TRUST, certificates=(CHAIN[0], ending, CHAIN[1]))
    assert verify(again.books.ledger, both).holds


def test_a_gateway_that_is_revoked_closes_no_more_and_says_so(known, bridge, board):
    known.settle()
    raw = bridge.sign(*statements(AUTHORITY.revoke(CHAIN[1])))
    assert told(known, raw) == (Status.ACCEPTED, "")
    assert known.give(bridge.sign(board.entry())) == []
    assert known.worker.snapshot(True).trouble.startswith("certificate-revoked")
    known.worker._retry_at = 0
    known.worker.step([], True)
    assert known.books.ledger.height() == 1
    assert known.worker.is_done(0)


def test_a_transaction_is_known_by_its_bytes_whatever_names_it(known, bridge, board):
    raw = bridge.sign(board.entry())
    known.give(raw)
    assert known.books.ledger.answer_to("b1", sha256(raw).digest()).status is Status.ACCEPTED
    assert known.books.ledger.answer_to("b2", sha256(raw).digest()) is None
