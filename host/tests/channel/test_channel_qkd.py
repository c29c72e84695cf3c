"""Levels with a QKD key besides: asked for at both ends, given once, and never passed over in silence."""

import threading

import pytest
from channel_site import BRIDGE, NO_KEYS, Ends, opening_of, problem_of
from patience import until
from qcot.channel import opener
from qcot.channel.handshake import parse_offer, parse_opening
from qcot.errors import QcotError
from qcot.kme.problems import BAD_ANSWER, UNAUTHORIZED, UNREACHABLE

LEVEL = "ML-KEM-768+QKD"


def test_a_bridge_without_a_qkd_key_sends_nothing_says_why_asks_again_later_and_goes_on():
    both = Ends(LEVEL)
    both.keys.failure = NO_KEYS
    both.offer()
    assert not both.sealer.ready()
    until(lambda: both.told, "the reason")
    assert both.told == [("channel-no-key", str(NO_KEYS))]
    assert "kme-exhausted" in both.sealer.state
    with pytest.raises(QcotError, match="kme-exhausted"):
        both.sealer.seal(b"x")
    asked = both.keys.asked
    assert not both.sealer.ready()
    assert both.keys.asked == asked  # not before its time
    both.now += 1
    assert not both.sealer.ready()
    until(lambda: len(both.told) == 2, "the second attempt")
    both.now += 1
    assert not both.sealer.ready()
    assert both.keys.asked == asked + 1  # the wait has doubled
    both.keys.failure = None
    both.now += 1
    assert both.open(both.send(b"after all")) == b"after all"


def test_each_epoch_takes_a_key_of_its_own():
    both = Ends(LEVEL, messages=2)
    sent = [both.pair() for _ in range(4)]
    ids = [parse_opening(opening).key_id for opening, _ in sent if opening]
    assert len(set(ids)) == 2
    for opening, raw in sent:
        assert opening is None or both.refusal(opening) is None
        assert both.refusal(raw) is None


@pytest.mark.parametrize("problem", [UNREACHABLE, UNAUTHORIZED])
def test_a_gateway_whose_key_server_is_away_says_why_and_the_key_is_not_lost(problem):
    both = Ends(LEVEL)
    both.offer()
    until(both.sealer.ready)
    both.keys.failure = QcotError(problem, "away")
    raw = both.send()
    assert both.refusal(raw) == "channel-key-unavailable"
    with pytest.raises(QcotError, match=f"{problem.name}: away"):
        both.open(raw)
    asked = both.keys.asked
    both.keys.failure = None
    assert both.refusal(raw) == "channel-key-unavailable"
    assert both.keys.asked == asked  # not asked again before its time
    both.now += opener.RETRY_S
    assert both.refusal(raw) is None


def test_a_key_that_the_server_does_not_give_costs_one_epoch():
    both = Ends(LEVEL)
    both.offer()
    until(both.sealer.ready)
    both.keys.failure = QcotError(BAD_ANSWER, "junk")
    raw = both.send()
    assert both.refusal(raw) == "channel-key-unknown"
    with pytest.raises(QcotError, match="kme-bad-answer: junk"):
        both.open(raw)


def test_a_gateway_never_waits_for_its_key_server():
    both = Ends(LEVEL)
    both.offer()
    until(both.sealer.ready)
    both.keys.gate.clear()
    raw = both.send()
    assert [problem_of(both.opener.open, BRIDGE, raw) for _ in range(3)] == ["channel-key-wait"] * 3
    both.keys.gate.set()
    assert both.refusal(raw) is None


def test_no_stranger_has_the_key_server_asked():
    both = Ends(LEVEL)
    offer = parse_offer(both.offer())
    until(both.sealer.ready)
    asked = both.keys.asked
    opening = opening_of(offer)
    assert both.refusal(opening[:-1] + bytes([opening[-1] ^ 1])) == "bad-signature"
    until(lambda: not any(thread.name == "channel-key" for thread in threading.enumerate()), "all answers")
    assert both.keys.asked == asked


def test_the_same_ml_kem_secret_without_the_qkd_key_opens_nothing():
    """As whoever breaks ML-KEM, or takes the gateway's key, would try it."""
    both = Ends(LEVEL)
    both.offer()
    until(both.sealer.ready)
    opening, raw = both.pair()
    both.keys.waiting = {each: type(key)(key.id, bytes(32)) for each, key in both.keys.waiting.items()}
    assert both.refusal(opening) is None
    assert both.refusal(raw) == "channel-forged"


def test_more_openings_than_may_be_asked_for_at_once_wait_their_turn():
    both = Ends(LEVEL)
    offer = parse_offer(both.offer())
    until(both.sealer.ready)
    both.keys.gate.clear()
    raws = [opening_of(offer, epoch=epoch) for epoch in range(opener.MAX_ASKING + 5)]
    assert {both.refusal(each) for each in raws} == {None}
    assert sum(thread.name == "channel-key" for thread in threading.enumerate()) <= opener.MAX_ASKING
    both.keys.gate.set()
    until(lambda: not any(thread.name == "channel-key" for thread in threading.enumerate()), "all answers")
    assert both.refusal(both.send()) is None
