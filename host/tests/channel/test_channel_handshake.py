"""The bytes of offers and openings: what they are, and that nothing else is taken for one."""

import uuid
from functools import cache
from hashlib import sha256

import cbor2
import pytest
from channel_site import BRIDGE_KEY, GATEWAY_KEY, NAMES, OTHER_BRIDGE_KEY, opening_of, problem_of
from hypothesis import given
from hypothesis import strategies as st
from qcot.channel import handshake
from qcot.channel.level import LEVELS
from qcot.crypto import cbor, cose
from qcot.crypto.kem import KemKey

KEM = LEVELS["ML-KEM-768"]
OFFER_NAMES = {None, "bad-cbor", "bad-cose", "channel-bad-offer", "channel-level"}
OPENING_NAMES = {None, "bad-cbor", "bad-cose", "channel-bad-opening", "channel-level"}


@cache
def offer(level=KEM):
    public_key = KemKey.generate(level.kem).public_key.raw
    return handshake.build_offer(
        GATEWAY_KEY, names=("home", "gw"), level=level, public_key=public_key, valid=range(5, 9)
    )


@cache
def opening(level=KEM):
    return opening_of(handshake.parse_offer(offer(level)), certificates=(b"one", b"two"))


@pytest.mark.parametrize("name", LEVELS)
def test_offer_and_opening_are_what_the_document_says(name):
    level = LEVELS[name]
    raw, answer = offer(level), opening(level)
    protected, unprotected, payload, _ = cbor2.loads(raw).value
    assert unprotected == {}
    assert cbor2.loads(protected) == {
        1: -48, 3: "application/vnd.qcot.offer+cbor", 4: GATEWAY_KEY.public_key.kid
    }  # fmt: skip
    parsed = handshake.parse_offer(raw)
    parsed.signed.verify(GATEWAY_KEY.public_key)
    assert parsed.hash == sha256(raw).digest()
    assert cbor2.loads(payload) == {1: 1, 2: "home", 3: "gw", 4: name, 5: parsed.public_key, 6: 5, 7: 9}
    protected, unprotected, payload, _ = cbor2.loads(answer).value
    assert unprotected == {}
    assert cbor2.loads(protected) == {
        1: -49, 3: "application/vnd.qcot.opening+cbor", 4: BRIDGE_KEY.public_key.kid
    }  # fmt: skip
    taken = handshake.parse_opening(answer)
    taken.signed.verify(BRIDGE_KEY.public_key)
    assert taken.id == sha256(answer).digest()[:16]
    assert cbor2.loads(payload) == {
        1: 1, 2: "home", 3: "b1", 4: "gw", 5: name, 6: parsed.hash, 7: taken.ciphertext, 8: 1,
        9: taken.key_id.bytes if level.qkd else None, 10: [b"one", b"two"],
    }  # fmt: skip
    exchange = taken.exchange(parsed.public_key)
    assert (exchange.level, exchange.names, exchange.offer, exchange.epoch) == (level, NAMES, parsed.hash, 1)
    assert exchange.bridge_kid == BRIDGE_KEY.public_key.kid


def altered(raw, stride):
    """Every third bit of the headers and of the payload's first fields, and every ``stride``-th bit of the rest."""
    for at in [*range(0, 1600, 3), *range(1600, 8 * len(raw), stride)]:
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        yield bytes(changed)


def test_bits_altered_all_over_an_offer_or_opening_are_refused_by_name():
    for raw, parse, key, names in (
        (offer(), handshake.parse_offer, GATEWAY_KEY, OFFER_NAMES),
        (opening(), handshake.parse_opening, BRIDGE_KEY, OPENING_NAMES),
    ):
        for each in altered(raw, 251):
            name = problem_of(lambda each=each, parse=parse, key=key: parse(each).signed.verify(key.public_key))
            assert name in (names - {None}) | {"bad-signature"}


def test_one_is_not_taken_for_another_and_neither_for_anothers():
    assert problem_of(handshake.parse_offer, opening()) == "bad-cose"
    assert problem_of(handshake.parse_opening, offer()) == "bad-cose"
    assert problem_of(handshake.parse_opening(opening()).signed.verify, OTHER_BRIDGE_KEY.public_key) == "bad-signature"
    assert handshake.is_opening(opening())
    assert not any(map(handshake.is_opening, (offer(), b"", b"\xd2", b"\xd2\x84", cbor2.dumps([b"x"]))))


@given(st.binary(max_size=300) | st.tuples(st.integers(0, 1400), st.binary(max_size=40)).map(lambda of: of))
def test_any_bytes_are_taken_apart_or_refused_by_name(given_):
    for genuine, parse, names in (
        (offer(), handshake.parse_offer, OFFER_NAMES), (opening(), handshake.parse_opening, OPENING_NAMES)
    ):  # fmt: skip
        if isinstance(given_, tuple):
            at, junk = given_
            raw = genuine[:at] + junk + genuine[at + len(junk) :]
        else:
            raw = given_
        assert problem_of(parse, raw) in names
        assert handshake.is_opening(raw) in {True, False}


def signed(kind, key, payload, drop=(), **changed):
    values = {n: each for n, each in (payload | {int(n[1:]): to for n, to in changed.items()}).items() if n not in drop}
    return cose.sign(key, kind, cbor.encode(values))


def offer_of(**changed):
    payload = cbor2.loads(cbor2.loads(offer()).value[2])
    return signed(handshake.OFFER, GATEWAY_KEY, payload, **changed)


def made(**changed):
    payload = cbor2.loads(cbor2.loads(opening()).value[2])
    return signed(handshake.OPENING, BRIDGE_KEY, payload, **changed)


BAD_OFFERS = [
    (offer_of(_1=2), "channel-bad-offer"), (offer_of(_2="a/b"), "channel-bad-offer"),
    (offer_of(_3=7), "channel-bad-offer"), (offer_of(_4="ML-KEM-256"), "channel-level"),
    (offer_of(_4=768), "channel-level"), (offer_of(_4="ML-KEM-512"), "channel-bad-offer"),
    (offer_of(_5=bytes(1183)), "channel-bad-offer"), (offer_of(_6=9), "channel-bad-offer"),
    (offer_of(_7=1 << 63), "channel-bad-offer"), (offer_of(_6=-1), "channel-bad-offer"),
    (offer_of(drop=(7,)), "channel-bad-offer"), (offer_of(_8=0), "channel-bad-offer"),
    (offer_of(_5=bytes(9000)), "channel-bad-offer"),
]  # fmt: skip
BAD_OPENINGS = [
    (made(_1=2), "channel-bad-opening"), (made(_3=""), "channel-bad-opening"),
    (made(_5="qkd-only"), "channel-level"), (made(_5="ML-KEM-1024"), "channel-bad-opening"),
    (made(_6=bytes(31)), "channel-bad-opening"), (made(_7=bytes(1089)), "channel-bad-opening"),
    (made(_8=1 << 63), "channel-bad-opening"), (made(_8=b""), "channel-bad-opening"),
    (made(_9=bytes(16)), "channel-bad-opening"), (made(_5="ML-KEM-768+QKD"), "channel-bad-opening"),
    (made(_5="ML-KEM-768+QKD", _9=bytes(15)), "channel-bad-opening"),
    (made(_10=b""), "channel-bad-opening"), (made(_10=[b""] * 5), "channel-bad-opening"),
    (made(_10=["x"]), "channel-bad-opening"), (made(_10=[bytes(16385)]), "channel-bad-opening"),
    (made(_10=[bytes(16384)] * 4 + [b""]), "channel-bad-opening"), (made(_10=[bytes(80_000)]), "channel-bad-opening"),
    (made(drop=(10,)), "channel-bad-opening"), (made(_11=0), "channel-bad-opening"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "name"), BAD_OFFERS)
def test_an_offer_that_is_none_is_refused_by_name(raw, name):
    assert problem_of(handshake.parse_offer, raw) == name


@pytest.mark.parametrize(("raw", "name"), BAD_OPENINGS)
def test_an_opening_that_is_none_is_refused_by_name(raw, name):
    assert problem_of(handshake.parse_opening, raw) == name


def test_a_whole_certificate_chain_has_room():
    raw = opening_of(handshake.parse_offer(offer()), certificates=[bytes(16384)] * 4)
    assert len(handshake.parse_opening(raw).certificates) == 4
    assert uuid.UUID(int=5) == handshake.parse_opening(
        made(_5="ML-KEM-768+QKD", _9=uuid.UUID(int=5).bytes)
    ).key_id  # fmt: skip
