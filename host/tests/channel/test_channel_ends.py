"""Both ends of the channel: keys that serve once, epochs that end, and what a stranger on the broker can't do."""

import os
import threading
import uuid
from hashlib import sha256

import cbor2
import pytest
from channel_site import BRIDGE, NAMES, NO_KEYS, TOPIC, problem_of, until
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.channel import message, opener
from qcot.channel.secret import derive
from qcot.crypto import cbor
from qcot.errors import QcotError
from qcot.kme.problems import BAD_ANSWER, UNAUTHORIZED, UNREACHABLE
from qcot.ledger.receipts import Answer, Status


def header(raw):
    return cbor2.loads(cbor2.loads(raw).value[0])


def forged(raw, ciphertext=None, **changed):
    """``raw`` with another header or ciphertext."""
    protected, _, genuine = cbor2.loads(raw).value
    if changed:
        protected = cbor.encode(
            header(raw) | {{"counter": 6, "epoch": -65538}[name]: to for name, to in changed.items()}
        )
    return cbor.encode(cbor2.CBORTag(16, [protected, {}, ciphertext or genuine]))


def answer(raw, name="channel-key-unknown"):
    return Answer(sha256(raw).digest(), 0, Status.LATER, None, name, "because")


def test_what_is_sealed_opens_and_shows_nothing(ends):
    both = ends()
    plain = [os.urandom(50) for _ in range(20)]
    sealed = [both.seal(each) for each in plain]
    assert not any(each[:16] in raw for each, raw in zip(plain, sealed, strict=True))
    assert [both.open(raw) for raw in sealed] == plain
    assert both.keys.asked == 2  # one key, asked for once at each end


def test_each_message_opens_once_and_none_after_a_later_one(ends):
    both = ends()
    first, second, third = (both.seal() for _ in range(3))
    assert both.refusal(first) is None
    assert both.refusal(first) == "channel-replayed"
    assert both.refusal(third) is None
    assert both.refusal(second) == "channel-replayed"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=30))
def test_whatever_a_broker_does_with_the_order_only_rising_counters_open(order):
    from channel_site import Ends

    both = Ends()
    sealed = [both.seal(bytes([number])) for number in range(10)]
    highest = -1
    for number in order:
        opened = both.refusal(sealed[number]) is None
        assert opened == (number > highest)
        highest = max(highest, number)


def test_a_message_of_another_topic_or_another_bridge_is_refused(ends):
    both = ends()
    raw = both.seal()
    assert both.refusal(raw, "b2") == "channel-key-unknown"  # the key server gives b2's keys alone
    assert both.refusal(raw) is None


def test_a_plain_transaction_is_refused_where_the_channel_is_on(ends):
    assert problem_of(ends().opener.open, BRIDGE, cbor2.dumps(cbor2.CBORTag(18, []))) == "channel-plaintext"
    assert problem_of(ends().opener.open, BRIDGE, b"") == "channel-plaintext"


def test_forgeries_before_the_first_message_cost_its_key_nothing(ends):
    both = ends()
    raw = both.seal(b"genuine")
    assert both.refusal(forged(raw, ciphertext=bytes(30))) == "channel-forged"
    assert both.refusal(forged(raw, epoch=1)) == "channel-forged"
    assert both.open(raw) == b"genuine"
    assert both.refusal(forged(raw, epoch=1)) == "channel-forged"


def test_a_forged_high_counter_does_not_shut_out_what_comes_after_it(ends):
    both = ends()
    assert both.refusal(both.seal()) is None
    raw = both.seal()
    assert both.refusal(forged(raw, counter=b"\xff" * 4)) == "channel-forged"
    assert both.refusal(raw) is None


def test_an_epoch_ends_with_its_messages(ends):
    both = ends(messages=3)
    sealed = [both.seal() for _ in range(7)]
    keys = [header(raw)[4] for raw in sealed]
    assert [keys.count(each) for each in dict.fromkeys(keys)] == [3, 3, 1]
    assert [header(raw)[6][-1] for raw in sealed] == [1, 2, 3, 1, 2, 3, 1]
    epochs = [header(raw)[-65538] for raw in sealed]
    assert len(set(epochs)) == 3
    assert [both.refusal(raw) for raw in sealed] == [None] * 7


def test_an_epoch_ends_with_its_time_and_the_gateway_keeps_its_key_for_a_grace(ends):
    both = ends(seconds=100.0)
    early, held_back, later_still = (both.seal() for _ in range(3))
    assert both.refusal(early) is None
    both.now += 100
    assert problem_of(both.sealer.seal, b"x") == "channel-no-key"  # never under the old one
    new = both.seal()
    assert header(new)[4] != header(early)[4]
    assert both.refusal(new) is None
    both.now += 59
    assert both.refusal(held_back) is None
    both.now += 1
    assert both.refusal(later_still) == "channel-key-unknown"


def test_a_gateway_forgets_the_key_of_a_bridge_that_went_silent(ends):
    both = ends(seconds=100.0)
    first, second = both.seal(), both.seal()
    assert both.refusal(first) is None
    both.now += 160
    assert both.refusal(second) == "channel-key-unknown"


def test_a_bridge_that_is_started_again_takes_a_new_key_and_counts_anew(ends):
    both = ends()
    before = [both.seal() for _ in range(3)]
    both.start_bridge()
    after = both.seal()
    assert {header(raw)[4] for raw in before} != {header(after)[4]}
    assert [both.refusal(raw) for raw in [*before, after]] == [None] * 4


def test_no_key_and_counter_ever_come_twice_whatever_happens(ends):
    both = ends(messages=4)
    raw, used = b"", set()
    for step in range(60):
        if step % 7 == 3:
            both.start_bridge()
        if step % 11 == 5:
            both.sealer.hear(answer(raw))
        raw = both.seal()
        nonce = (header(raw)[4], header(raw)[6])
        assert nonce not in used
        used.add(nonce)


def test_a_key_that_the_server_gives_again_seals_nothing_under_the_same_aes_key(ends):
    """As after a restored backup of the key server, at both ends of which the key is new once more."""
    both = ends()
    again = both.keys.take()
    both.keys.take = lambda: again
    sealed = []
    for _ in range(3):
        both.start_bridge()
        sealed.append(both.seal())
    assert {header(raw)[4] for raw in sealed} == {again.id.bytes}
    made = [derive(again.secret, again.id, NAMES, header(raw)[-65538]) for raw in sealed]
    assert len({(each.key, each.iv) for each in made}) == 3
    assert both.refusal(sealed[0]) is None
    assert both.refusal(sealed[1]) == "channel-forged"  # a gateway keeps to the first


def test_a_gateway_that_was_started_again_says_so_and_the_bridge_takes_another_key(ends):
    both = ends()
    assert both.refusal(both.seal()) is None
    both.start_gateway()
    lost = both.seal(b"again")
    assert both.refusal(lost) == "channel-key-unknown"
    heard = both.sealer.hear(answer(lost))
    assert heard.hash == sha256(b"again").digest()
    assert "waiting for a key" in both.sealer.state
    anew = both.seal(b"again")
    assert header(anew)[4] != header(lost)[4]
    assert both.open(anew) == b"again"
    both.sealer.hear(answer(lost))  # a second answer to the old key ends nothing
    assert header(both.seal())[4] == header(anew)[4]


def test_an_answer_to_what_this_bridge_did_not_send_changes_nothing(ends):
    both = ends()
    raw = both.seal()
    stranger = answer(b"forged")
    assert both.sealer.hear(stranger) == stranger
    assert both.sealer.hear(answer(raw, "busy")).hash == sha256(b"transaction").digest()
    assert header(both.seal())[4] == header(raw)[4]


def test_a_bridge_without_a_key_says_why_asks_again_later_and_goes_on(ends):
    both = ends()
    both.keys.failure = NO_KEYS
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
    assert both.seal()


@pytest.mark.parametrize("problem", [UNREACHABLE, UNAUTHORIZED])
def test_a_gateway_whose_key_server_is_away_says_why_and_the_key_is_not_lost(ends, problem):
    both = ends()
    raw = both.seal()
    both.keys.failure = QcotError(problem, "away")
    assert both.refusal(raw) == "channel-key-unavailable"
    with pytest.raises(QcotError, match=f"{problem.name}: away"):
        both.open(raw)
    asked = both.keys.asked
    both.keys.failure = None
    assert both.refusal(raw) == "channel-key-unavailable"
    assert both.keys.asked == asked  # not asked again before its time
    both.now += opener.RETRY_S
    assert both.refusal(raw) is None


def test_a_key_server_whose_answer_makes_no_sense_costs_one_key(ends):
    both = ends()
    raw = both.seal()
    both.keys.failure = QcotError(BAD_ANSWER, "junk")
    assert both.refusal(raw) == "channel-key-unknown"


def test_a_gateway_never_waits_for_its_key_server(ends):
    both = ends()
    raw = both.seal()
    both.keys.gate.clear()
    assert [problem_of(both.opener.open, BRIDGE, raw) for _ in range(3)] == ["channel-key-wait"] * 3
    both.keys.gate.set()
    assert both.refusal(raw) is None


def test_names_of_keys_that_are_none_reach_the_key_server_in_bounded_number_and_push_out_nothing(ends):
    both = ends()
    assert both.refusal(both.seal()) is None
    asked = both.keys.asked
    key = derive(bytes(32), uuid.UUID(int=0), NAMES, 1)
    for number in range(500):
        junk = message.seal(key, b"", key_id=uuid.UUID(int=number), epoch=1, counter=1, topic=TOPIC)
        assert problem_of(both.opener.open, BRIDGE, junk) in {"channel-key-wait", "channel-key-unknown"}
    until(lambda: not any(thread.name == "channel-key" for thread in threading.enumerate()), "all answers")
    assert both.keys.asked - asked <= opener.ASK_RATE.burst
    assert both.refusal(both.seal()) is None


def test_names_of_keys_that_are_none_push_out_no_key_that_is_being_asked_for(ends):
    """Each key is given once: one that came after its place was taken would be lost, again and again."""
    both = ends()
    raw = both.seal()
    both.keys.gate.clear()
    key = derive(bytes(32), uuid.UUID(int=0), NAMES, 1)
    junk = [message.seal(key, b"", key_id=uuid.UUID(int=n), epoch=1, counter=1, topic=TOPIC) for n in range(9)]
    assert {problem_of(both.opener.open, BRIDGE, each) for each in (raw, *junk)} == {"channel-key-wait"}
    both.keys.gate.set()
    assert both.refusal(raw) is None


def test_keys_that_could_not_be_asked_for_make_room_and_are_not_lost(ends):
    both = ends()
    raw = both.seal()
    both.keys.failure = QcotError(UNREACHABLE, "away")
    key = derive(bytes(32), uuid.UUID(int=0), NAMES, 1)
    junk = [message.seal(key, b"", key_id=uuid.UUID(int=n), epoch=1, counter=1, topic=TOPIC) for n in range(6)]
    assert {both.refusal(each) for each in (raw, *junk)} == {"channel-key-unavailable"}
    assert len(both.opener._keys[BRIDGE]) <= opener.MAX_KEYS
    both.keys.failure = None
    both.now += 2
    assert both.refusal(raw) is None


def test_a_silent_bridges_key_is_gone_from_memory_with_the_next_message_of_any_bridge(ends):
    both = ends(seconds=100.0)
    assert both.refusal(both.seal()) is None
    both.now += 160
    assert both.refusal(both.seal(), "b2") == "channel-key-unknown"
    assert not both.opener._keys[BRIDGE]


def test_a_bridge_has_a_bounded_number_of_keys_at_a_gateway(ends):
    both = ends(messages=1)
    first = both.seal()
    assert both.refusal(first) is None
    for _ in range(10):
        assert both.refusal(both.seal()) is None
        both.now += 1
    assert len(both.opener._keys[BRIDGE]) <= opener.MAX_KEYS
    assert both.refusal(first) == "channel-key-unknown"
