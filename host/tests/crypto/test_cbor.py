"""Deterministic CBOR: round trips, and everything that another writer would have written is refused."""

import cbor2
import plain_cbor
import pytest
from cbor2 import CBORTag
from characters import CHARACTERS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qcot.crypto import cbor
from qcot.errors import QcotError

INTEGERS = st.integers(-(1 << 64), (1 << 64) - 1)
KEYS = st.one_of(INTEGERS, st.text(CHARACTERS, max_size=8))
VALUES = st.recursive(
    st.one_of(st.none(), INTEGERS, st.binary(max_size=300), st.text(CHARACTERS, max_size=300)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)

REFUSED = object()
TAG = 18


EDGES = [edge - more for edge in (24, 1 << 8, 1 << 16, 1 << 32) for more in (1, 0)]
FLAWS = ("none", "long head", "more", "fewer", "key order", "key twice", "key kind", "tag", "simple", "cut")


class FlawedWriter:
    """Writes a value by the letter, but for one flaw the ``step``-th time that it can be made."""

    def __init__(self, flaw, step):
        self.flaw, self.step = flaw, step

    def makes(self, *flaws):
        self.step -= self.flaw in flaws
        return self.step == 0 and self.flaw in flaws

    def head(self, major, argument):
        if self.makes("more", "fewer"):
            argument = min(max(0, argument + (1 if self.flaw == "more" else -1)), (1 << 64) - 1)
        sizes = [size for size in (0, 1, 2, 4, 8) if argument < (1 << 8 * size if size else 24)]
        size = sizes[:2][-1] if self.makes("long head") else sizes[0]
        info = 24 + (1, 2, 4, 8).index(size) if size else argument
        return bytes([major << 5 | info]) + (argument.to_bytes(size, "big") if size else b"")

    def write(self, value):
        if self.makes("simple"):
            return b"\xf7"
        if self.makes("tag"):
            return self.head(6, TAG + 1) + self.write(value)
        match value:
            case None:
                return b"\xf6"
            case int():
                return self.head(0, value) if value >= 0 else self.head(1, -1 - value)
            case bytes():
                return self.head(2, len(value)) + value
            case str():
                return self.head(3, len(value.encode())) + value.encode()
            case list():
                return self.head(4, len(value)) + b"".join(map(self.write, value))
            case CBORTag():
                return self.head(6, value.tag) + self.write(value.value)
        keys = sorted(cbor.encode(key) for key in value)
        if keys and self.makes("key kind", "key twice", "key order"):
            keys[-1] = {"key kind": b"\xf6", "key twice": keys[0], "key order": b"\0"}[self.flaw]
        pairs = [key + self.write(each) for key, each in zip(keys, value.values(), strict=True)]
        return self.head(5, len(value)) + b"".join(pairs)


TREES = st.recursive(
    st.one_of(st.none(), st.sampled_from(EDGES), INTEGERS, st.binary(max_size=30), st.text(CHARACTERS, max_size=30)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.builds(CBORTag, st.just(TAG), inner),
        st.lists(st.none(), min_size=23, max_size=26),
    ),
    max_leaves=10,
)


def refusal(data: bytes, **limits: object) -> str:
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


@settings(max_examples=300)
@given(TREES, st.sampled_from(FLAWS), st.integers(1, 4), st.sampled_from([1, 2, 8, 8, 8]))
def test_what_is_taken_and_what_it_means_is_as_a_reader_by_the_letter_has_it(value, flaw, step, max_depth):
    data = FlawedWriter(flaw, step).write(value)
    data = data[:-1] if flaw == "cut" else data
    try:
        expected = plain_cbor.decode(data, max_depth=max_depth, tags=(TAG,))
    except plain_cbor.RefusedError:
        refusal(data, max_depth=max_depth, tags=(TAG,))
    else:
        found = cbor.decode(data, max_depth=max_depth, tags=(TAG,))
        assert repr(found) == repr(expected)  # types and order, too
        assert cbor.encode(found) == data


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
