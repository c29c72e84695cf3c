"""What a gateway answers to openings, sealed and plain transactions: 'later' to all that is not as it should be."""

import time
import uuid
from hashlib import sha256

import pytest
from boards import BridgeSide
from gateway_site import GATEWAY_KEY, TRUST
from patience import until
from qcot.certificates.register import Register
from qcot.channel.opener import Unsealing
from qcot.channel.sealer import Sealer, Sealing
from qcot.channel.secret import Names
from qcot.gateway.identities import Identities
from qcot.gateway.intake import Rejected, examine
from qcot.kme.api import DeliveredKey
from qcot.ledger import transactions
from qcot.ledger.receipts import Status
from qcot.mqtt import channel_topic, tx_topic
from trust_site import Authority

KEY = DeliveredKey(uuid.UUID(int=5), bytes(range(32)))


def sealer_of(bridge, now, offer, take=None, certificates=None):
    """The bridge's end, with the gateway's offer."""
    brought = chain(bridge) if certificates is None else certificates
    made = Sealer(
        Names("home", bridge.name, "gw"), tx_topic("home", bridge.name),
        Sealing(take=take, certificates=lambda: brought), gateway=GATEWAY_KEY.public_key, key=lambda: bridge.key,
        clock=time.monotonic, wall=lambda: now, changed=lambda: None, failed=lambda *told: pytest.fail(str(told)),
    )  # fmt: skip
    made.offered(offer)
    until(made.ready, "an epoch")
    return made


def chain(bridge):
    return [Authority("home").certificate, bridge.certificate]


@pytest.fixture
def channel(desk, bridge):
    """A desk with the channel on, and what a bridge sends to it."""

    def make(take=None, ask=None):
        made = desk(unsealing=Unsealing(ask=ask))
        made.offer = made.worker.opener.offer()
        made.sealer = sealer_of(bridge, made.now, made.offer, take)
        return made

    return make


def test_the_ledger_holds_the_transaction_and_the_receipt_names_it(channel, bridge, board):
    one = channel()
    raw = bridge.sign(board.enrolment())
    opening, sealed = one.sealer.seal(raw)
    assert one.give(opening) == []  # nothing to answer
    assert one.acked == [opening]
    (answer,) = one.give(sealed)
    assert (answer.status, answer.hash, answer.sequence) == (Status.ACCEPTED, sha256(raw).digest(), 1)
    assert one.books.ledger.leaf(answer.leaf) == raw


def test_with_a_qkd_key_the_transaction_waits_for_it(channel, bridge, board):
    one = channel(take=lambda: KEY, ask=lambda _bridge, _key_id: KEY)
    raw = bridge.sign(board.enrolment())
    one.give(*one.sealer.seal(raw))
    answers = []
    until(lambda: answers.extend(one.give(*one.sealer.seal(raw))) or answers[-1].status is Status.ACCEPTED, "the key")
    assert {(each.status, each.name) for each in answers[:-1]} <= {(Status.LATER, "channel-key-wait")}


def test_what_is_refused_for_good_is_named_by_the_transaction_too(channel, bridge, board):
    one = channel()
    raw = bridge.sign(board.entry())
    (answer,) = one.give(*one.sealer.seal(raw))
    assert (answer.status, answer.name, answer.hash) == (Status.REFUSED, "device-not-enrolled", sha256(raw).digest())
    (junk,) = one.give(*one.sealer.seal(b"junk"))
    assert (junk.status, junk.hash) == (Status.REFUSED, sha256(b"junk").digest())


def test_nothing_that_comes_otherwise_uses_up_a_sequence_or_is_refused_for_good(channel, bridge, board):
    one = channel()
    raw = bridge.sign(board.enrolment())
    opening, _ = one.sealer.seal(b"first")
    (whole,) = one.sealer.seal(raw)
    other = sealer_of(BridgeSide("b2", seed=2), one.now, one.offer)
    stranger = sealer_of(BridgeSide(seed=3), one.now, one.offer, certificates=())
    assert one.give(opening) == []
    wrong = {
        raw: "channel-plaintext", whole[:-1]: "channel-bad-message", whole[:-1] + b"x": "channel-forged",
        other.seal(raw)[0]: "channel-forged", other.seal(raw)[0]: "channel-key-unknown",
        stranger.seal(raw)[0]: "certificate-unknown", b"": "channel-plaintext",
    }  # fmt: skip
    answers = one.give(*wrong)
    assert [(answer.status, answer.name) for answer in answers] == [(Status.LATER, name) for name in wrong.values()]
    assert [answer.hash for answer in answers] == [sha256(each).digest() for each in wrong]
    (accepted,) = one.give(whole)
    assert accepted.status is Status.ACCEPTED


def test_a_new_bridge_opens_its_channel_with_the_certificates_that_it_brings(channel, board):
    one = channel()
    new = BridgeSide("b7", seed=7)
    raw = new.sign(board.enrolment())
    (answer,) = one.give(*sealer_of(new, one.now, one.offer).seal(raw), bridge="b7")
    assert answer.status is Status.ACCEPTED
    # Once they are on the ledger, it needs to bring none.
    (answer,) = one.give(*sealer_of(new, one.now, one.offer, certificates=()).seal(raw), bridge="b7")
    assert answer.status is Status.ACCEPTED


def test_a_bridge_that_was_revoked_opens_no_epoch_any_more(channel, bridge, board):
    one = channel()
    revoked = Authority("home").revoke(bridge.certificate)
    raws = bridge.sign(board.enrolment()), bridge.sign(transactions.StatementEntry(revoked))
    assert [each.status for raw in raws for each in one.give(*one.sealer.seal(raw))] == [Status.ACCEPTED] * 2
    answers = one.give(*sealer_of(bridge, one.now, one.offer).seal(b"x"))
    assert [(each.status, each.name) for each in answers] == [
        (Status.LATER, "certificate-revoked"), (Status.LATER, "channel-key-unknown")
    ]  # fmt: skip


def test_sealed_transactions_and_openings_are_not_taken_where_the_channel_is_off(desk, channel, bridge, board):
    on = channel()
    raw = bridge.sign(board.enrolment())
    payloads = on.sealer.seal(raw)
    on.stop()
    off = desk()
    assert off.worker.opener is None
    answers = off.give(*payloads)
    assert [(each.status, each.name, each.sequence) for each in answers] == [(Status.LATER, "channel-off", 0)] * 2
    assert off.give(raw)[0].status is Status.ACCEPTED


def test_a_running_gateway_publishes_its_offer_for_bridges_that_come_later(running, endpoint, bridge):
    running(unsealing=Unsealing())
    late, heard = endpoint("b1"), []
    late.link.subscribe(channel_topic("home", "gw"), lambda _topic, raw, ack: (heard.append(raw), ack()))
    until(lambda: heard, "the offer")
    made = sealer_of(bridge, time.time_ns() // 1_000_000, heard[0])
    assert made.state.startswith("ML-KEM-768, epoch ")


def test_without_an_opener_a_transaction_is_examined_as_it_is(bridge, board):
    raw = bridge.sign(board.enrolment())
    identities = Identities(lambda: Register(TRUST.root, "home"), wall=lambda: 1_700_000_000_000)
    assert examine(raw, bridge="b1", identities=identities) == transactions.parse(raw)
    assert isinstance(examine(raw, bridge="b2", identities=identities), Rejected)
