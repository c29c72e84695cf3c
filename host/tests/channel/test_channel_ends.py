"""Both ends of the channel: epochs that begin and end, and what whoever has the broker can't do to them."""

import os
from hashlib import sha256

import cbor2
import pytest
from channel_site import (
    BRIDGE,
    BRIDGE_KEY,
    BRIDGES,
    OTHER_BRIDGE_KEY,
    TOPIC,
    Ends,
    later,
    opening_of,
    problem_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.channel import message, opener, sealer
from qcot.channel.handshake import parse_offer, parse_opening
from qcot.channel.level import LEVELS
from qcot.channel.secret import Names, derive
from qcot.crypto import cbor
from qcot.crypto.kem import KemKey, KemPublicKey
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.errors import QcotError


def header(raw):
    return cbor2.loads(cbor2.loads(raw).value[0])


def forged(raw, ciphertext=None, **changed):
    """``raw`` with another header or ciphertext."""
    protected, _, genuine = cbor2.loads(raw).value
    if changed:
        protected = cbor.encode(header(raw) | {{"counter": 6, "epoch": 4}[name]: to for name, to in changed.items()})
    return cbor.encode(cbor2.CBORTag(16, [protected, {}, ciphertext or genuine]))


# What is sealed


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_sealed_opens_and_shows_nothing(level):
    both = Ends(level)
    plain = [os.urandom(50) for _ in range(20)]
    sent = [both.pair(each) for each in plain]
    assert [opening is not None for opening, _ in sent] == [True] + [False] * 19
    assert both.open(sent[0][0]) is None
    wire = b"".join(part for pair in sent for part in pair if part)
    assert not any(each[at : at + 8] in wire for each in plain for at in range(0, 48, 8))
    assert [both.open(sealed) for _, sealed in sent] == plain
    assert both.keys.asked == (2 if LEVELS[level].qkd else 0)
    assert both.sealer.state.startswith(f"{level}, epoch ")


def test_each_message_opens_once_and_none_after_a_later_one():
    both = Ends()
    first, second, third = (both.send() for _ in range(3))
    assert [both.refusal(raw) for raw in (first, first, third, second)] == [
        None, "channel-replayed", None, "channel-replayed"
    ]  # fmt: skip


@settings(max_examples=20)
@given(st.lists(st.integers(0, 9), max_size=30))
def test_whatever_a_broker_does_with_the_order_only_rising_counters_open(order):
    both = Ends()
    sealed = [both.send(bytes([number])) for number in range(10)]
    highest = -1
    for number in order:
        opened = both.refusal(sealed[number]) is None
        assert opened == (number > highest)
        highest = max(highest, number)


def test_a_message_or_an_opening_of_another_topic_or_bridge_is_refused():
    both = Ends()
    opening, raw = both.pair()
    assert both.refusal(opening, "b2") == "channel-forged"
    assert both.refusal(raw, "b2") == "channel-key-unknown"
    assert both.refusal(opening) is None
    assert both.refusal(raw, "b2") == "channel-key-unknown"
    assert both.refusal(raw) is None


def test_an_epoch_of_one_bridge_is_none_of_anothers_even_if_that_one_took_its_opening():
    """A certified bridge that answers the offer with another's ciphertext, and passes its messages off as its own."""
    both = Ends()
    opening, raw = both.pair()
    taken = parse_opening(opening)
    stolen = opening_of(
        parse_offer(both.opener._offers._held[0].raw), OTHER_BRIDGE_KEY, names=Names("home", "b2", "gw"),
        ciphertext=taken.ciphertext, epoch=taken.epoch,
    )  # fmt: skip
    assert both.refusal(stolen, "b2") is None
    assert both.refusal(forged(raw, epoch=parse_opening(stolen).id), "b2") == "channel-forged"


@pytest.mark.parametrize("raw", [b"", b"junk", cbor2.dumps(cbor2.CBORTag(18, []))])
def test_anything_not_sealed_is_refused_where_the_channel_is_on(raw):
    assert problem_of(Ends().opener.open, BRIDGE, raw) == "channel-plaintext"


def test_a_forged_high_counter_does_not_shut_out_what_comes_after_it():
    both = Ends()
    assert both.refusal(both.send()) is None
    raw = both.send()
    assert both.refusal(forged(raw, counter=b"\xff" * 4)) == "channel-forged"
    assert both.refusal(forged(raw, ciphertext=bytes(30))) == "channel-forged"
    assert both.refusal(raw) is None


# Openings


def test_a_message_that_overtook_its_opening_is_sent_again_later():
    both = Ends()
    opening, raw = both.pair()
    assert both.refusal(raw) == "channel-key-unknown"
    assert both.refusal(opening) is None
    assert both.refusal(raw) is None


def test_an_opening_counts_once_and_gives_no_message_a_second_life():
    both = Ends(seconds=100.0)
    opening, first = both.pair()
    second = both.send()
    assert [both.refusal(each) for each in (opening, opening, first, opening)] == [None] * 4
    assert both.refusal(first) == "channel-replayed"
    both.now += 161  # the gateway has forgotten the epoch, not that it was
    assert both.refusal(second) == "channel-key-unknown"
    assert both.refusal(opening) == "channel-replayed"
    assert both.refusal(second) == "channel-key-unknown"
    both.start_gateway()
    assert both.refusal(opening) == "channel-key-unknown"  # there is no key any more that it could be opened with
    assert both.refusal(second) == "channel-key-unknown"


def test_an_opening_of_a_bridge_without_certificate_or_with_anothers_key_is_refused():
    both = Ends()
    offer = parse_offer(both.offer())
    assert both.refusal(opening_of(offer, SigningKey(ML_DSA_65, b"\7" * 32))) == "certificate-unknown"
    assert both.refusal(opening_of(offer, OTHER_BRIDGE_KEY)) == "certificate-unknown"
    assert both.refusal(opening_of(offer, names=Names("home", "b9", "gw")), "b9") == "certificate-unknown"
    genuine = opening_of(offer)
    wrong = genuine[: -ML_DSA_65.signature_size] + BRIDGE_KEY.sign(b"something else")
    assert both.refusal(wrong) == "bad-signature"


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"names": Names("other", "b1", "gw")}, "channel-forged"),
        ({"names": Names("home", "b1", "gx")}, "channel-forged"),
        ({"offer": bytes(32)}, "channel-key-unknown"),
        ({"epoch": 1 << 63}, "channel-bad-opening"),
        ({"certificates": [b""] * 5}, "channel-bad-opening"),
        ({"ciphertext": bytes(7)}, "channel-bad-opening"),
    ],
)
def test_an_opening_that_is_for_others_or_no_good_is_refused(changed, name):
    both = Ends()
    assert both.refusal(opening_of(parse_offer(both.offer()), **changed)) == name


def test_an_altered_opening_is_refused_and_costs_the_genuine_one_nothing():
    both = Ends()
    opening, raw = both.pair()
    for at in range(0, len(opening), 97):
        altered = opening[:at] + bytes([opening[at] ^ 1]) + opening[at + 1 :]
        assert both.refusal(altered) in {
            "bad-cbor", "bad-cose", "bad-signature", "channel-plaintext", "channel-bad-opening", "channel-level",
            "channel-forged", "channel-key-unknown", "certificate-unknown",
        }  # fmt: skip
    both.now += 60
    assert both.refusal(opening) is None
    assert both.refusal(raw) is None


def test_a_ciphertext_for_another_key_is_rejected_implicitly_and_shows_as_forged():
    both = Ends()
    offer = parse_offer(both.offer())
    secret, ciphertext = KemPublicKey(offer.level.kem, KemKey.generate(offer.level.kem).public_key.raw).encapsulate()
    opening = opening_of(offer, ciphertext=ciphertext)
    assert both.refusal(opening) is None
    parsed = parse_opening(opening)
    key = derive(parsed.exchange(offer.public_key), secret)
    raw = message.seal(key, b"x", opening=parsed.id, counter=1, topic=TOPIC)
    assert both.refusal(raw) == "channel-forged"


# Levels


@pytest.mark.parametrize(("bridge", "gateway"), [(a, b) for a in LEVELS for b in LEVELS if a != b])
def test_neither_end_takes_another_level_be_it_lower_or_higher(bridge, gateway):
    both = Ends(bridge, at_gateway=gateway)
    offer = parse_offer(both.offer())
    ((name, reason),) = both.told
    assert (name, reason.split(":")[0]) == ("channel-offer-refused", "channel-level")
    assert not both.sealer.ready()
    with pytest.raises(QcotError, match="channel-no-key"):
        both.sealer.seal(b"x")
    ciphertext = KemKey.generate(both.level.kem).public_key.encapsulate()[1]
    key_id = parse_opening(opening_of(offer)).key_id if both.level.qkd == both.at_gateway.qkd else None
    if both.level.qkd and key_id is None:
        key_id = both.keys.take().id
    lower = opening_of(offer, level=both.level, ciphertext=ciphertext, key_id=key_id)
    assert both.refusal(lower) == "channel-level"


# Offers


def test_a_bridge_without_an_offer_sends_nothing_says_so_and_goes_on_with_one():
    both = Ends()
    assert not both.sealer.ready()
    assert both.told == []
    both.now += sealer.PATIENCE_S[0]
    assert not both.sealer.ready()
    assert [name for name, _ in both.told] == ["channel-no-offer"]
    both.now += 1
    assert not both.sealer.ready()
    assert len(both.told) == 1
    with pytest.raises(QcotError, match="channel-no-key: no offer of gateway gw"):
        both.sealer.seal(b"x")
    assert both.refusal(both.send()) is None


def test_a_forged_or_altered_offer_is_refused_and_the_genuine_one_stays_in_use():
    both = Ends()
    raw = both.opener.offer()
    for at in range(0, len(raw), 331):
        both.sealer.offered(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        both.now += 1
    assert not both.sealer.ready()
    reasons = {reason.split(":")[0] for _, reason in both.told}
    assert {name for name, _ in both.told} == {"channel-offer-refused"}
    assert "bad-signature" in reasons
    assert reasons <= {"bad-cbor", "bad-cose", "bad-signature", "channel-bad-offer", "channel-offer-foreign",
                       "channel-offer-expired", "channel-level"}  # fmt: skip
    both.sealer.offered(raw)
    sent = both.send()
    both.sealer.offered(b"junk")
    assert header(both.send())[4] == header(sent)[4]


def test_an_offer_of_another_gateway_or_key_is_refused():
    both, other = Ends(), Ends()
    other.opener = opener.Opener(
        "home", "gx", opener.Unsealing(), key=opener_key(both), identity=None, clock=lambda: 0.0, wall=both.wall
    )
    both.sealer.offered(other.opener.offer())
    stranger = opener.Opener(
        "home", "gw", opener.Unsealing(), key=SigningKey(opener_key(both).algorithm, b"\5" * 32), identity=None,
        clock=lambda: 0.0, wall=both.wall,
    )  # fmt: skip
    both.sealer.offered(stranger.offer())
    assert [reason.split(":")[0] for _, reason in both.told] == ["channel-offer-foreign", "bad-signature"]
    assert not both.sealer.ready()


def opener_key(both):
    return both.opener._offers._key


@pytest.mark.parametrize(("ahead_s", "name"), [(3961, "channel-offer-expired"), (-301, "channel-offer-expired"),
                                               (3959, None), (-299, None)])  # fmt: skip
def test_an_offer_counts_in_its_time_with_five_minutes_for_clocks_that_differ(ahead_s, name):
    both = Ends()
    both.bridge_ahead_ms = 1000 * ahead_s
    both.offer()
    assert [reason.split(":")[0] for _, reason in both.told] == ([name] if name else [])
    assert both.sealer.ready() == (name is None)


def test_an_old_offer_does_not_replace_a_newer_one_and_a_newer_one_begins_an_epoch():
    both = Ends(renew_s=100.0)
    old = both.offer()
    early = both.send()
    both.now += 100
    late = both.send()
    assert header(late)[4] != header(early)[4]
    both.sealer.offered(old)
    assert [reason.split(":")[0] for _, reason in both.told] == ["channel-offer-old"]
    assert header(both.send())[4] == header(late)[4]
    assert [both.refusal(early), both.refusal(late)] == [None, None]


def test_an_offer_that_nobody_renewed_stops_the_next_epoch_once_it_is_over():
    both = Ends(renew_s=100.0, seconds=50.0)
    both.send()
    both.now += 100 + 60 + 299
    assert both.sealer.ready()
    both.now += 100
    assert not both.sealer.ready()
    assert "has expired" in both.sealer.state


def test_an_old_offer_that_a_broker_replays_to_a_restarted_bridge_gains_nothing():
    both = Ends(renew_s=100.0)
    old = both.offer()
    both.now += 161
    new = both.opener.offer()
    assert new is not None
    both.start_bridge()
    both.sealer.offered(old)  # in its time by the bridge's clock, which may differ
    opening, _ = both.sealer.seal(b"x") if both.sealer.ready() else pytest.fail("not ready")
    assert both.refusal(opening) == "channel-key-unknown"
    assert both.opener.offer() == new  # published once more
    both.sealer.hear(later(opening, "channel-key-unknown"))
    assert not both.sealer.ready()
    assert [name for name, _ in both.told] == ["channel-no-offer"]
    both.sealer.offered(old)  # once known for dead it is not tried again
    assert not both.sealer.ready()
    both.sealer.offered(new)
    assert both.refusal(both.send()) is None


def test_a_gateway_renews_its_key_forgets_the_old_one_and_then_nothing_opens_what_it_was_for():
    both = Ends(renew_s=100.0)
    old = parse_offer(both.offer())
    both.now += 100
    assert parse_offer(both.opener.offer()).public_key != old.public_key
    both.now += 59
    opening = opening_of(old)
    assert both.refusal(opening) is None
    both.now += 1
    assert both.refusal(opening_of(old)) == "channel-key-unknown"
    both.opener.offer()
    assert [each.hash for each in both.opener._offers._held].count(old.hash) == 0


def test_an_offer_is_published_at_intervals_and_to_whom_answers_another_but_not_at_a_strangers_pace():
    both = Ends()
    raw = both.opener.offer()
    assert both.opener.offer() is None
    assert both.opener.wait_s() == 60.0
    both.now += 60
    assert both.opener.offer() == raw
    other = opening_of(parse_offer(raw), offer=bytes(32))
    published = 0
    for _ in range(200):
        assert both.refusal(other) == "channel-key-unknown"
        published += both.opener.offer() is not None
    assert published == 3
    both.opener.lost_offer()
    assert both.opener.offer() == raw


# Epochs


def test_an_epoch_ends_with_its_messages():
    both = Ends(messages=3)
    sealed = [both.send() for _ in range(7)]
    epochs = [header(raw)[4] for raw in sealed]
    assert [epochs.count(each) for each in dict.fromkeys(epochs)] == [3, 3, 1]
    assert [header(raw)[6][-1] for raw in sealed] == [1, 2, 3, 1, 2, 3, 1]
    assert [both.refusal(raw) for raw in sealed] == [None] * 7


def test_an_epoch_ends_with_its_bytes():
    both = Ends(size=1000)
    epochs = [header(both.send(bytes(size)))[4] for size in (400, 599, 1, 1500, 10)]
    assert [epochs.count(each) for each in dict.fromkeys(epochs)] == [3, 1, 1]


def test_an_epoch_ends_with_its_time_and_the_gateway_keeps_its_key_for_a_grace():
    both = Ends(seconds=100.0)
    early, held_back, later_still = (both.send() for _ in range(3))
    assert both.refusal(early) is None
    both.now += 100
    assert problem_of(both.sealer.seal, b"x") == "channel-no-key"  # never under the old one
    new = both.send()
    assert header(new)[4] != header(early)[4]
    assert both.refusal(new) is None
    both.now += 59
    assert both.refusal(held_back) is None
    both.now += 1
    assert both.refusal(later_still) == "channel-key-unknown"


def test_a_silent_bridges_key_is_gone_from_memory_with_the_next_message_of_any_bridge():
    both = Ends(seconds=100.0)
    assert both.refusal(both.send()) is None
    second = both.send()
    both.now += 160
    assert both.refusal(b"junk", "b2") == "channel-plaintext"
    assert not both.opener._epochs[BRIDGE]
    assert both.refusal(second) == "channel-key-unknown"


def test_no_epoch_and_counter_ever_come_twice_whatever_happens():
    both = Ends(messages=4)
    raw, used = b"", set()
    for step in range(40):
        if step % 7 == 3:
            both.start_bridge()
            both.opener.lost_offer()
        if step % 11 == 5:
            both.sealer.hear(later(raw, "channel-key-unknown"))
        raw = both.send()
        nonce = (header(raw)[4], header(raw)[6])
        assert nonce not in used
        used.add(nonce)


def test_a_gateway_that_was_started_again_says_so_and_the_bridge_opens_another_epoch():
    both = Ends()
    assert both.refusal(both.send()) is None
    both.start_gateway()
    (lost,) = both.sealer.seal(b"again")  # before the new offer came
    assert both.refusal(lost) == "channel-key-unknown"
    heard = both.sealer.hear(later(lost, "channel-key-unknown"))
    assert heard.hash == sha256(b"again").digest()
    anew = both.send(b"again")
    assert header(anew)[4] != header(lost)[4]
    assert both.open(anew) == b"again"
    both.sealer.hear(later(lost, "channel-key-unknown"))  # a second answer to the old epoch ends nothing
    assert header(both.send())[4] == header(anew)[4]


def test_an_answer_to_what_this_bridge_did_not_send_changes_nothing():
    both = Ends()
    opening, raw = both.pair()
    assert both.refusal(opening) is None
    stranger = later(b"forged", "channel-key-unknown")
    assert both.sealer.hear(stranger) == stranger
    assert both.sealer.hear(later(raw, "busy")).hash == sha256(b"transaction").digest()
    both.sealer.hear(later(opening, "channel-replayed"))
    assert header(both.send())[4] == header(raw)[4]
    assert both.told == []


def test_an_opening_that_is_refused_is_told_and_tried_again_later_and_later():
    both = Ends()
    waits = []
    for _ in range(3):
        opening, _ = both.pair()
        both.sealer.hear(later(opening, "certificate-revoked", "key 1234"))
        assert both.told.pop() == ("channel-held-up", "certificate-revoked: key 1234")
        begun = both.now
        while not both.sealer.ready():
            both.now += 0.5
        waits.append(both.now - begun)
    assert waits == [1.0, 2.0, 4.0]
    raw = both.send()
    both.sealer.hear(later(raw, "sequence-ahead"))  # it opened
    opening, _ = both.pair() if both.sealer.hear(later(raw, "channel-key-unknown")) else (None, None)
    both.sealer.hear(later(opening, "certificate-revoked"))
    both.now += 1
    assert both.sealer.ready()


# Floods


def test_openings_that_strangers_make_cost_a_bounded_number_of_signatures_and_shut_no_known_bridge_out():
    both = Ends()
    assert both.refusal(both.send()) is None
    offer = parse_offer(both.opener._offers._held[0].raw)
    looked = []
    genuine = both.opener._identity
    both.opener._identity = lambda *given: (looked.append(given), genuine(*given))[1]
    junk = [opening_of(offer, SigningKey(ML_DSA_65, b"\7" * 32), names=Names("home", "b9", "gw"), epoch=n)
            for n in range(opener.OPENING_RATE.burst + 10)]  # fmt: skip
    names = [both.refusal(each, "b9") for each in junk]
    assert set(names) == {"certificate-unknown", "channel-too-many"}
    assert len(looked) < opener.OPENING_RATE.burst  # b1 had the first
    assert both.refusal(opening_of(offer, OTHER_BRIDGE_KEY, names=Names("home", "b2", "gw")), "b2") == (
        "channel-too-many"
    )  # one that never opened shares the strangers' allowance ...
    both.sealer.hear(later(both.send(), "channel-key-unknown"))
    assert both.refusal(both.send()) is None  # ... and one that did has its own
    both.now += 1
    assert both.refusal(opening_of(offer, OTHER_BRIDGE_KEY, names=Names("home", "b2", "gw")), "b2") is None


def test_strangers_shut_no_bridge_of_the_ledger_out_of_a_gateway_that_was_just_started():
    both = Ends()
    both.opener._is_certified = BRIDGES.__contains__
    both.offer()
    offer = parse_offer(both.opener._offers._held[0].raw)
    junk = opening_of(offer, SigningKey(ML_DSA_65, b"\7" * 32), names=Names("home", "b9", "gw"))
    names = [both.refusal(junk, "b9") for _ in range(opener.OPENING_RATE.burst + 10)]
    assert names[-1] == "channel-too-many"
    assert both.refusal(both.send()) is None
    assert both.refusal(opening_of(offer, OTHER_BRIDGE_KEY, names=Names("home", "b2", "gw")), "b2") is None


def test_offers_that_strangers_make_cost_a_bounded_number_of_signatures():
    both = Ends()
    raw = both.opener.offer()
    for number in range(100):
        both.sealer.offered(raw[:-4] + number.to_bytes(4, "big"))
    assert len(both.told) == sealer.OFFER_RATE.burst
    both.sealer.offered(raw)
    assert not both.sealer.ready()
    both.now += 60
    both.offer()  # the gateway gives it out again
    assert both.sealer.ready()


def test_a_bridge_has_a_bounded_number_of_epochs_at_a_gateway():
    both = Ends(messages=1)
    first = both.send()
    assert both.refusal(first) is None
    for _ in range(10):
        assert both.refusal(both.send()) is None
        both.now += 1
    assert len(both.opener._epochs[BRIDGE]) <= opener.MAX_EPOCHS
    assert both.refusal(first) == "channel-key-unknown"


def test_openings_that_were_never_used_push_out_no_epoch_that_is():
    both = Ends()
    used = both.send()
    assert both.refusal(used) is None
    offer = parse_offer(both.opener._offers._held[0].raw)
    for epoch in range(10):
        assert both.refusal(opening_of(offer, epoch=epoch)) is None
    assert both.refusal(both.send()) is None
    assert len(both.opener._epochs[BRIDGE]) <= opener.MAX_EPOCHS


def test_an_offer_that_served_its_number_of_openings_is_renewed(monkeypatch):
    monkeypatch.setattr("qcot.channel.offers.MAX_TAKEN", 2)
    both = Ends(messages=1)
    offers = set()
    for _ in range(5):
        assert both.refusal(both.send()) is None
        offers.add(both.opener._offers._held[-1].hash)
        assert len(both.opener._offers._held[-1].taken) <= 2
    assert len(offers) == 3
