"""Deterministic CBOR: round trips, and everything that another writer would have written is refused."""

import cbor2
import pytest
from cbor2 import CBORTag
from hypothesis import example, given
from hypothesis import strategies as st
from qcot.crypto import cbor
from qcot.errors import QcotError

INTEGERS = st.integers(-(1 << 64), (1 << 64) - 1)
KEYS = st.one_of(INTEGERS, st.text(max_size=8))
VALUES = st.recursive(
    st.one_of(st.none(), INTEGERS, st.binary(max_size=300), st.text(max_size=300)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)

REFUSED = object()


def refusal(data: bytes, **limits: int) -> str:
    with pytest.raises(QcotError) as caught:
        cbor.decode(data, **limits)
    assert caught.value.problem.name == "bad-cbor"
    return caught.value.reason


def decoded_or_refused(data: bytes) -> object:
    try:
        return cbor.decode(data, max_depth=100)
    except QcotError as error:
        return REFUSED if error.problem.name == "bad-cbor" else error


@given(VALUES)
def test_what_is_encoded_comes_back_and_cbor2_reads_the_same(value):
    data = cbor.encode(value)
    assert cbor.decode(data, max_depth=100) == value
    assert cbor2.loads(data) == value


@given(VALUES)
def test_maps_are_in_bytewise_order_of_their_encoded_keys(value):
    data = cbor.encode({"z": value, 10: value, 100: value, -1: value, "aa": value, "": value})
    keys = [cbor2.dumps(key) for key in cbor2.loads(data)]
    assert keys == sorted(keys)  # RFC 8949 section 4.2.1: 10, 100, -1, "", "z", "aa"
    assert list(cbor.decode(data, max_depth=100)) == [10, 100, -1, "", "z", "aa"]


@given(st.binary(max_size=200))
@example(bytes.fromhex("c249010000000000000000"))  # a bignum, which cbor2 would take as an integer
@example(bytes.fromhex("d81c82d81d00d81d00"))  # shared references, a list that holds itself
def test_any_bytes_are_refused_or_are_exactly_what_we_would_write(data):
    value = decoded_or_refused(data)
    assert value is REFUSED or cbor.encode(value) == data


@given(VALUES, st.data())
def test_one_flipped_bit_is_refused_or_reads_as_another_value(value, data):
    raw = bytearray(cbor.encode(value))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert decoded_or_refused(bytes(raw)) != value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "too early"),
        ("18", "too early"),
        ("1b00000000", "too early"),
        ("1817", "non-minimal"),
        ("190018", "non-minimal"),
        ("1a0000ffff", "non-minimal"),
        ("1b00000000ffffffff", "non-minimal"),
        ("5801", "non-minimal"),
        ("580100", "non-minimal"),
        ("5fff", "indefinite"),
        ("9fff", "indefinite"),
        ("bfff", "indefinite"),
        ("1c", "reserved"),
        ("f90000", "float"),
        ("fb0000000000000000", "float"),
        ("f4", "no place"),
        ("f7", "no place"),
        ("c100", "no place"),
        ("d81c80", "no place"),
        ("0000", "follow"),
        ("a201000100", "duplicate"),
        ("a202000100", "out of order"),
        ("a18000", "key"),
        ("a14000", "key"),
        ("a1f600", "key"),
        ("a1", "claimed"),
        ("61ff", "UTF-8"),
        ("9bffffffffffffffff", "claimed"),
        ("5bffffffffffffffff", "claimed"),
        ("bb7fffffffffffffff", "claimed"),
        ("9affffffff", "claimed"),
    ],
)
def test_each_other_way_to_write_is_refused_by_its_reason(data, why):
    assert why in refusal(bytes.fromhex(data))


def test_depth_and_size_are_bounded():
    deep = bytes.fromhex("81" * 8 + "00")
    assert cbor.decode(deep) == [[[[[[[[0]]]]]]]]
    assert "deep" in refusal(b"\x81" + deep)
    assert "deep" in refusal(b"\x81" * 100_000)
    assert "at most 1048576" in refusal(bytes((1 << 20) + 1))
    assert "at most 3" in refusal(b"\x43abc", max_bytes=3)


def test_only_the_named_tag_is_read():
    data = cbor.encode(CBORTag(18, [b"a", {}, None]))
    assert cbor.decode(data, tags=(18,)) == CBORTag(18, [b"a", {}, None])
    assert "no place" in refusal(data)
    with pytest.raises(QcotError, match="no place"):
        cbor.decode(cbor.encode(CBORTag(17, 0)), tags=(18,))


@pytest.mark.parametrize("value", [1.5, True, {1}, object(), [b"", bytearray(b"x")]])
def test_encoding_anything_else_is_a_bug_of_the_caller(value):
    with pytest.raises(TypeError):
        cbor.encode(value)


@pytest.mark.parametrize("value", [1 << 64, -(1 << 64) - 1])
def test_integers_over_64_bits_have_no_encoding(value):
    with pytest.raises(OverflowError):
        cbor.encode(value)
