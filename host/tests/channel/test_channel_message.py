"""The bytes of a sealed message and the key they are sealed under, against an implementation by the letter."""

import dataclasses
import hashlib
import hmac
import uuid

import cbor2
import pytest
from channel_site import NAMES, TOPIC, problem_of
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from qcot.channel import message
from qcot.channel.level import LEVELS
from qcot.channel.secret import Exchange, Names, derive
from qcot.crypto import cbor

ID = bytes(range(100, 116))
KEM_SECRET, QKD_KEY = bytes(range(32)), bytes(range(32, 64))
KEY_ID = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
PLAIN = Exchange(LEVELS["ML-KEM-768"], NAMES, b"k" * 16, b"o" * 32, b"p" * 1184, b"c" * 1088, 7, None)
QKD = dataclasses.replace(PLAIN, level=LEVELS["ML-KEM-768+QKD"], key_id=KEY_ID)
KEY = derive(PLAIN, KEM_SECRET)


def sealed(plaintext=b"plaintext", counter=1, topic=TOPIC, key=KEY):
    return message.seal(key, plaintext, opening=ID, counter=counter, topic=topic)


def by_the_letter(level, kem_secret, qkd_key, key_id):
    """HKDF-SHA-384 (RFC 5869) by HMAC alone, over the fields of docs/channel.md."""

    def prefixed(*parts):
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

    info = prefixed(
        b"qcot/channel/v1", level, b"home", b"b1", b"gw", b"k" * 16, b"o" * 32, b"p" * 1184, b"c" * 1088,
        (7).to_bytes(8, "big"), key_id,
    )  # fmt: skip
    secret = hmac.digest(bytes(48), prefixed(kem_secret, qkd_key), hashlib.sha384)
    return hmac.digest(secret, info + b"\1", hashlib.sha384)[:44]


def test_the_key_is_that_of_the_document():
    assert KEY.key + KEY.iv == by_the_letter(b"ML-KEM-768", KEM_SECRET, b"", b"")
    both = derive(QKD, KEM_SECRET, QKD_KEY)
    assert both.key + both.iv == by_the_letter(b"ML-KEM-768+QKD", KEM_SECRET, QKD_KEY, KEY_ID.bytes)


def test_a_different_anything_gives_a_different_key():
    changes = [
        {}, {"level": LEVELS["ML-KEM-512+QKD"]}, {"bridge_kid": b"x" * 16}, {"offer": b"x" * 32}, {"epoch": 8},
        {"public_key": b"x" * 1184}, {"ciphertext": b"x" * 1088}, {"key_id": uuid.UUID(int=1)},
        {"names": Names("homeb", "1", "gw")}, {"names": Names("home", "b1g", "w")}, {"names": Names("home", "b1", "g")},
        {"public_key": b"p" * 1183, "ciphertext": b"pc" + b"c" * 1087},
    ]  # fmt: skip
    made = {derive(dataclasses.replace(QKD, **each), KEM_SECRET, QKD_KEY).key for each in changes}
    made |= {derive(QKD, bytes(32), QKD_KEY).key, derive(QKD, KEM_SECRET, bytes(32)).key, KEY.key}
    assert len(made) == len(changes) + 3


@pytest.mark.parametrize(
    ("exchange", "secrets"),
    [(QKD, (KEM_SECRET,)), (PLAIN, (KEM_SECRET, QKD_KEY)), (QKD, (b"", QKD_KEY)), (PLAIN, (b"",)),
     (dataclasses.replace(QKD, key_id=None), (KEM_SECRET, QKD_KEY))],
)  # fmt: skip
def test_no_key_comes_about_without_every_secret_that_its_level_names(exchange, secrets):
    with pytest.raises(ValueError, match=r"ML-KEM-768"):
        derive(exchange, *secrets)


@given(st.integers(0, 70_000).map(bytes) | st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_another_implementation_opens_it_by_the_letter(plaintext, counter):
    tagged = cbor2.loads(sealed(plaintext, counter))
    assert tagged.tag == 16
    assert cbor2.dumps(tagged, canonical=True) == sealed(plaintext, counter)
    protected, unprotected, ciphertext = tagged.value
    assert unprotected == {}
    partial_iv = counter.to_bytes(4, "big")
    assert cbor2.loads(protected) == {1: 3, 4: ID, 6: partial_iv}
    made = by_the_letter(b"ML-KEM-768", KEM_SECRET, b"", b"")
    nonce = (int.from_bytes(made[32:], "big") ^ counter).to_bytes(12, "big")
    aad = cbor2.dumps(["Encrypt0", protected, cbor2.dumps(["qcot/channel/v1", TOPIC, counter])])
    assert AESGCM(made[:32]).decrypt(nonce, ciphertext, aad) == plaintext


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_what_was_sealed_opens_for_its_topic_alone(plaintext, counter):
    taken = message.parse(sealed(plaintext, counter))
    assert (taken.opening, taken.counter) == (ID, counter)
    assert message.open_(KEY, taken, TOPIC) == plaintext
    assert problem_of(message.open_, KEY, taken, "qcot/v1/home/b2/tx") == "channel-forged"
    assert problem_of(message.open_, derive(PLAIN, bytes(32 * [1])), taken, TOPIC) == "channel-forged"


def test_every_altered_bit_is_noticed():
    raw = sealed(b"x" * 40)
    for at in range(8 * len(raw)):
        altered = bytearray(raw)
        altered[at // 8] ^= 1 << at % 8
        name = problem_of(lambda altered=altered: message.open_(KEY, message.parse(bytes(altered)), TOPIC))
        assert name in {"channel-bad-message", "channel-forged"}, at


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: sealed()[: 5 + len(tail)] + tail))
def test_any_bytes_are_taken_apart_or_refused_by_name(raw):
    assert problem_of(message.parse, raw) in {None, "channel-bad-message"}


def variant(unprotected=None, drop=(), extra=(), **header):
    labels = {"alg": 1, "kid": 4, "iv": 6}
    values = {1: 3, 4: ID, 6: bytes(4)} | dict(extra) | {labels[name]: value for name, value in header.items()}
    for label in drop:
        del values[label]
    return cbor.encode(cbor2.CBORTag(16, [cbor.encode(values), unprotected or {}, bytes(16)]))


VARIANTS = [
    variant(alg=1), variant(kid=bytes(15)), variant(kid="x" * 16), variant(iv=bytes(5)), variant(iv=0),
    variant(drop=[4]), variant(extra=[(2, [1])]), variant(unprotected={5: b""}), variant() + b"x", variant()[:-1],
    cbor.encode([b"", {}, b""]), cbor.encode(cbor2.CBORTag(16, b"")), b"\xd0", b"", cbor2.dumps(cbor2.CBORTag(18, [])),
    cbor.encode(cbor2.CBORTag(16, [cbor2.loads(variant()).value[0], {}, bytes(15)])),
    variant()[:32] + b"\x58\x10" + bytes(16), variant()[:32] + b"\x5b" + (16).to_bytes(8, "big") + bytes(16),
    variant()[:32] + b"\x5f\x50" + bytes(16) + b"\xff", variant()[:4] + b"\xbf" + variant()[5:],
]  # fmt: skip
"""Other headers, other kinds, too short and too long, heads that are not the shortest, indefinite lengths."""


@pytest.mark.parametrize("raw", VARIANTS)
def test_every_other_form_is_refused_by_name(raw):
    assert problem_of(message.parse, raw) == "channel-bad-message"
    assert problem_of(message.parse, variant()) is None


def test_a_sealed_message_is_told_from_a_transaction_by_its_first_byte():
    assert message.is_sealed(sealed())
    assert not message.is_sealed(cbor2.dumps(cbor2.CBORTag(18, [])))
    assert not message.is_sealed(b"")
