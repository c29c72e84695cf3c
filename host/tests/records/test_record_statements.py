"""Statements as bytes: what is written is read back, and what nobody would write is refused."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.crypto import cbor, cose
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.errors import QcotError
from qcot.records import statements
from qcot.records.statements import Access, Consent, Erase, Publish, Withdraw, build, parse
from record_site import DOCTOR, NOW, OWNER, RECORD, access, consent, erase, kem, publish, rotate, withdraw

EVERY = {
    "publish": publish(), "consent": consent(), "withdraw": withdraw(), "access": access(), "erase": erase(),
    "rotate": rotate(),
}  # fmt: skip
KEY = OWNER.public_key
HASHES = st.binary(min_size=32, max_size=32)
IDS = st.binary(min_size=16, max_size=16)
NUMBERS = st.integers(1, (1 << 63) - 1)
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
BODIES = st.one_of(
    st.builds(Publish, IDS, st.just(KEY), HASHES, HASHES, st.integers(1, 1 << 20), HASHES, st.just("image/png")),
    st.builds(Consent, IDS, NUMBERS, st.just(KEY), HASHES, NAMES, st.none() | st.integers(NOW + 1, (1 << 63) - 1)),
    st.builds(Withdraw, IDS, NUMBERS, IDS),
    st.builds(Access, IDS, NAMES, IDS),
    st.builds(Erase, IDS, NUMBERS),
)


@settings(max_examples=25)
@given(BODIES)
def test_what_is_built_is_read_back(body):
    raw = build(OWNER, body, NOW)
    read = parse(raw)
    assert (read.body, read.time, read.kid) == (body, NOW, KEY.kid)
    assert (read.raw, read.hash) == (raw, hashlib.sha256(raw).digest())
    read.signed.verify(KEY)


def resigned(members, kind=statements.KIND, key=OWNER) -> bytes:
    return cose.sign(key, kind, cbor.encode(members))


GOOD = [1, 4, NOW, RECORD, "treatment", bytes(16)]
PUBLISH = [1, 1, NOW, RECORD, KEY.raw, bytes(32), bytes(32), 1, bytes(32), "text/plain"]
CONSENT = [1, 2, NOW, RECORD, 1, KEY.raw, bytes(32), "treatment", NOW + 1]
WRONG = {
    "another version": [2, *GOOD[1:]],
    "unknown kind": [1, 7, *GOOD[2:]],
    "members of another kind": [1, 5, *GOOD[2:]],
    "a member too many": [*GOOD, 0],
    "a member too few": GOOD[:-1],
    "no array": {1: 1},
    "empty": [],
    "negative time": [1, 4, -1, *GOOD[3:]],
    "time of 64 bits": [1, 4, 1 << 63, *GOOD[3:]],
    "short id": [1, 4, NOW, RECORD[:-1], *GOOD[4:]],
    "long nonce": [*GOOD[:-1], bytes(17)],
    "purpose that is no name": [*GOOD[:4], "for treatment", bytes(16)],
    "empty purpose": [*GOOD[:4], "", bytes(16)],
    "no items": [*PUBLISH[:7], 0, *PUBLISH[8:]],
    "too many items": [*PUBLISH[:7], (1 << 20) + 1, *PUBLISH[8:]],
    "media type of nothing": [*PUBLISH[:-1], "text"],
    "media type with a line in it": [*PUBLISH[:-1], "text/plain\n"],
    "short root": [*PUBLISH[:6], bytes(31), *PUBLISH[7:]],
    "consent number 0": [*CONSENT[:4], 0, *CONSENT[5:]],
    "consent that ends before it begins": [*CONSENT[:-1], NOW],
    "consent until a text": [*CONSENT[:-1], "ever"],
}


@pytest.mark.parametrize("members", WRONG.values(), ids=WRONG)
def test_a_payload_that_is_none_is_refused_though_it_is_signed(members):
    with pytest.raises(QcotError, match="bad-record"):
        parse(resigned(members))


@pytest.mark.parametrize("size", [0, 1311, 1313])
def test_a_key_of_another_length_is_refused(size):
    with pytest.raises(QcotError, match="bad-key"):
        parse(resigned([*PUBLISH[:4], bytes(size), *PUBLISH[5:]]))


def test_what_cannot_be_read_is_not_built():
    with pytest.raises(QcotError, match="bad-record"):
        build(OWNER, Access(RECORD, "no name", bytes(16)), NOW)
    with pytest.raises(QcotError, match="bad-record"):
        build(OWNER, Erase(RECORD, 1), -1)


def test_a_statement_of_another_kind_of_message_is_none():
    other = cose.Kind(ML_DSA_44, "application/vnd.qcot.other+cbor", b"qcot/record/v1", with_policy=False)
    with pytest.raises(QcotError, match="bad-cose"):
        parse(resigned(GOOD, other))


def test_a_signature_for_another_use_does_not_verify():
    other = cose.Kind(ML_DSA_44, statements.CONTENT_TYPE, b"qcot/tx/v1", with_policy=False)
    with pytest.raises(QcotError, match="bad-signature"):
        parse(resigned(GOOD, other)).signed.verify(KEY)


@pytest.mark.parametrize("raw", EVERY.values(), ids=EVERY)
def test_every_cut_and_every_byte_more_is_refused(raw):
    for end in {*range(0, 64), *range(64, len(raw), 97), len(raw) - 1}:
        with pytest.raises(QcotError):
            parse(raw[:end])
    with pytest.raises(QcotError, match="bad-cbor"):
        parse(raw + b"\0")
    with pytest.raises(QcotError, match="bad-record"):
        parse(raw + bytes(statements.MAX_BYTES))


@settings(max_examples=60)
@given(st.sampled_from(list(EVERY)), st.data())
def test_an_altered_statement_is_refused_or_does_not_verify(name, data):
    raw = bytearray(EVERY[name])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    signer = DOCTOR if name == "access" else OWNER
    with pytest.raises(QcotError):
        parse(bytes(raw)).signed.verify(signer.public_key)


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(data):
    with pytest.raises(QcotError):
        parse(data)


def test_statements_fit_what_a_transaction_takes():
    assert {name: len(raw) for name, raw in EVERY.items()} == pytest.approx(
        {"publish": 3975, "consent": 3890, "withdraw": 2545, "access": 2555, "erase": 2528, "rotate": 6285}, rel=0.01
    )
    assert max(map(len, EVERY.values())) < statements.MAX_BYTES


def test_no_statement_holds_more_of_an_identity_than_its_keys():
    assert kem(OWNER) in EVERY["publish"]
    assert SigningKey(ML_DSA_44, bytes([1]) * 32).secret not in EVERY["publish"]
