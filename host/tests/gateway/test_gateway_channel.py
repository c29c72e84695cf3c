"""What a gateway answers to sealed and plain transactions: 'later' to all that is not as it should be."""

import uuid
from hashlib import sha256

import pytest
from boards import BridgeSide
from gateway_site import until
from qcot.channel import message
from qcot.channel.opener import Opening
from qcot.channel.secret import Names, derive
from qcot.gateway.intake import Rejected, examine
from qcot.kme.api import DeliveredKey
from qcot.ledger import transactions
from qcot.ledger.receipts import Status
from qcot.mqtt import tx_topic

QKD_KEY, KEY_ID = bytes(range(32)), uuid.UUID(int=5)


def sealed(raw, counter, bridge="b1"):
    key = derive(QKD_KEY, KEY_ID, Names("home", bridge, "gw"), 1)
    return message.seal(key, raw, key_id=KEY_ID, epoch=1, counter=counter, topic=tx_topic("home", bridge))


@pytest.fixture
def opening():
    return Opening(lambda _bridge, key_id: DeliveredKey(key_id, QKD_KEY))


@pytest.fixture
def opened(desk, opening):
    """A desk that has the key."""
    made = desk(opening=opening)
    until(lambda: made.give(sealed(b"x", 0))[0].name != "channel-key-wait", "the key")
    return made


def test_the_ledger_holds_the_transaction_and_the_receipt_names_it(opened, bridge, board):
    raw = bridge.sign(board.enrolment())
    (answer,) = opened.give(sealed(raw, 1))
    assert (answer.status, answer.hash, answer.sequence) == (Status.ACCEPTED, sha256(raw).digest(), 1)
    assert opened.books.ledger.leaf(answer.leaf) == raw


def test_what_is_refused_for_good_is_named_by_the_transaction_too(opened, bridge, board):
    raw = bridge.sign(board.entry())
    (answer,) = opened.give(sealed(raw, 1))
    assert (answer.status, answer.name, answer.hash) == (Status.REFUSED, "device-not-enrolled", sha256(raw).digest())
    (junk,) = opened.give(sealed(b"junk", 2))
    assert (junk.status, junk.name, junk.hash) == (Status.REFUSED, "bad-cbor", sha256(b"junk").digest())


def test_nothing_that_comes_otherwise_uses_up_a_sequence_or_is_refused_for_good(opened, bridge, board):
    raw = bridge.sign(board.enrolment())
    whole = sealed(raw, 1)
    wrong = {
        raw: "channel-plaintext", whole[:-1]: "bad-cbor", whole[:-1] + b"x": "channel-forged",
        sealed(raw, 2, "b2"): "channel-forged", sealed(raw, 0): "channel-replayed", b"": "channel-plaintext",
    }  # fmt: skip
    answers = opened.give(*wrong)
    assert [(answer.status, answer.name) for answer in answers] == [(Status.LATER, name) for name in wrong.values()]
    assert [answer.hash for answer in answers] == [sha256(each).digest() for each in wrong]
    (accepted,) = opened.give(whole)
    assert accepted.status is Status.ACCEPTED


def test_a_sealed_transaction_is_not_taken_where_the_channel_is_off(desk, bridge, board):
    one = desk()
    raw = bridge.sign(board.enrolment())
    (answer,) = one.give(sealed(raw, 1))
    assert (answer.status, answer.name, answer.sequence) == (Status.LATER, "channel-off", 0)
    assert one.give(raw)[0].status is Status.ACCEPTED


def test_of_an_unknown_bridge_no_key_is_asked_for(desk, opening, bridge, board):
    asked = []
    one = desk(opening=Opening(lambda *what: asked.append(what)))
    (answer,) = one.give(sealed(bridge.sign(board.enrolment()), 1, "b9"), bridge="b9")
    assert answer.name == "unknown-bridge"
    assert asked == []


def test_without_an_opener_a_transaction_is_examined_as_it_is(bridge, board):
    raw = bridge.sign(board.enrolment())
    bridges = {"b1": bridge.key.public_key}
    assert examine(raw, bridge="b1", bridges=bridges) == transactions.parse(raw)
    assert isinstance(examine(raw, bridge="b1", bridges={"b1": BridgeSide(seed=3).key.public_key}), Rejected)
