"""What every signature backend refuses: cut, lengthened, another key, message or context, one bit in each region."""

import itertools
from functools import cache

import pytest
from crypto_vectors import cases
from hypothesis import given
from hypothesis import strategies as st
from qcot.crypto.signing import ALGORITHMS, LMS, ML_DSA_44, ML_DSA_65, ML_DSA_87, PublicKey, SigningKey, named
from qcot.errors import QcotError

# What follows each other in a signature, in bytes.
ML_DSA = {  # FIPS 204 algorithm 26: commitment, response, hint
    "ML-DSA-44": (32, 4 * 576, 80 + 4),
    "ML-DSA-65": (48, 5 * 640, 55 + 6),
    "ML-DSA-87": (64, 7 * 640, 75 + 8),
}
SLH_DSA = {  # FIPS 205 table 2: n, layers d, height of a layer, a, k
    "128s": (16, 7, 9, 12, 14), "128f": (16, 22, 3, 6, 33), "192s": (24, 7, 9, 14, 17),
    "192f": (24, 22, 3, 8, 33), "256s": (32, 8, 8, 14, 22), "256f": (32, 17, 4, 9, 35),
}  # fmt: skip
LMS_CASES = {
    case["sets"]: case
    for case in cases("acvp_lms", holds=True)
    if case["sets"].split()[0] in ("LMS_SHA256_M24_H5", "LMS_SHA256_M24_H10", "LMS_SHA256_M32_H10", "LMS_SHAKE_M32_H25")
}


def lengths(name: str, signature: bytes) -> tuple[int, ...]:
    """Lengths of the regions of a signature."""
    if name in ML_DSA:
        return ML_DSA[name]
    if name.startswith("SLH-DSA"):
        n, layers, height, a, k = SLH_DSA[name[-4:]]
        forest = [n, a * n] * k  # a secret and its path
        tree = [(2 * n + 3) * n, height * n]  # one-time signature and path
        return (n, *forest[:2], sum(forest[2:-1]), forest[-1], *tree, (layers - 2) * sum(tree), *tree)
    if name.startswith("LMS"):
        n, height = int(name.split("_")[2][1:]), int(name.split("_H")[1].split(maxsplit=1)[0])
        return (4, 4, n, len(signature) - 12 - n - height * n, 4, height * n)
    return (1, 40, len(signature) - 41)  # Falcon: header, salt, compressed


@cache
def signed(name: str) -> tuple[PublicKey, bytes, bytes, bytes]:
    """Key, message, context and signature: a vector's where there is one, for small SLH-DSA sets sign slowly."""
    if name in LMS_CASES:
        case = LMS_CASES[name]
        return PublicKey(LMS, case["public"]), case["message"], b"", case["signature"]
    for case in cases("acvp_slh_dsa", use="sigVer", algorithm=name, holds=True):
        return PublicKey(named(name), case["public"]), case["message"], case["context"], case["signature"]
    key, context = SigningKey.generate(named(name)), b"context" if named(name).contexts else b""
    return key.public_key, b"message", context, key.sign(b"message", context)


def refused(key: PublicKey, signature: bytes, message: bytes, context: bytes) -> bool:
    try:
        key.verify(signature, message, context)
    except QcotError as error:
        return error.problem.name == "bad-signature"
    return False


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


LARGE = ("LMS", "SLH-DSA-SHAKE-192f", "SLH-DSA-SHAKE-256f")  # no vector of theirs is kept, and they are slow to sign
NAMES = [*(name for name in ALGORITHMS if name not in LARGE), *LMS_CASES]
EVERY = pytest.mark.parametrize("name", NAMES)


@EVERY
def test_one_bit_at_either_end_of_each_region_spoils_a_signature(name):
    key, message, context, signature = signed(name)
    key.verify(signature, message, context)
    sizes = lengths(name, signature)
    assert sum(sizes) == len(signature)
    for end, size in zip(itertools.accumulate(sizes), sizes, strict=True):
        for bit in (8 * (end - size), 8 * end - 1):
            assert refused(key, flipped(signature, bit), message, context), (bit, sizes)


WRONG = {
    "empty": lambda key, s, m, c: (key, b"", m, c),
    "a byte less": lambda key, s, m, c: (key, s[:-1], m, c),
    "half": lambda key, s, m, c: (key, s[: len(s) // 2], m, c),
    "first byte gone": lambda key, s, m, c: (key, s[1:], m, c),
    "a byte more": lambda key, s, m, c: (key, s + b"\0", m, c),
    "twice": lambda key, s, m, c: (key, s + s, m, c),
    "all zero": lambda key, s, m, c: (key, bytes(len(s)), m, c),
    "all ones": lambda key, s, m, c: (key, b"\xff" * len(s), m, c),
    "other message": lambda key, s, m, c: (key, s, m + b"\0", c),
    "no message": lambda key, s, m, c: (key, s, b"", c),
    "other key": lambda key, s, m, c: (PublicKey(key.algorithm, flipped(key.raw, 8 * len(key.raw) - 1)), s, m, c),
    "other seed of the key": lambda key, s, m, c: (PublicKey(key.algorithm, flipped(key.raw, 8 * 9)), s, m, c),
}


@EVERY
def test_what_is_not_the_signature_of_this_message_under_this_key_is_refused(name):
    key, message, context, signature = signed(name)
    for what, wrong in WRONG.items():
        assert refused(*wrong(key, signature, message, context)), what


@pytest.mark.parametrize("name", [name for name in NAMES if name in ALGORITHMS and ALGORITHMS[name].contexts])
def test_a_context_cannot_be_left_out_changed_or_moved_into_the_message(name):
    key, message, context, signature = signed(name)
    others = [context + b"\0", b"\0" + context, *([b"", context[:-1]] if context else [])]
    for other in others:
        assert refused(key, signature, message, other)
    assert refused(key, signature, context + message, b"") or not context


def hint_of(name: str, signature: bytes) -> tuple[bytes, list[int], list[int], int]:
    """What stands before the hint, the positions of its ones, where each polynomial's end, and omega."""
    hint = signature[-ML_DSA[name][2] :]
    polynomials = {"ML-DSA-44": 4, "ML-DSA-65": 6, "ML-DSA-87": 8}[name]
    omega = len(hint) - polynomials
    return signature[: -len(hint)], list(hint[:omega]), list(hint[omega:]), omega


def repeated(positions, ends, omega):
    """The last position of the last polynomial twice: the same hint to a decoder that does not look."""
    last = ends[-1]
    positions[last] = positions[last - 1]
    ends[-1] += 1


def swapped(positions, ends, omega):
    """The last two positions in the other order: the same hint again."""
    last = ends[-1]
    positions[last - 2], positions[last - 1] = positions[last - 1], positions[last - 2]


def padded(positions, ends, omega):
    """Something behind the last position, where zeros belong."""
    positions[omega - 1] = 1


def overfull(positions, ends, omega):
    """More ones than there may be."""
    ends[-1] = omega + 1


def decreasing(positions, ends, omega):
    """A polynomial that ends before it begins."""
    ends[-2] = ends[-1] + 1


@pytest.mark.parametrize("algorithm", [ML_DSA_44, ML_DSA_65, ML_DSA_87], ids=lambda each: each.name)
@pytest.mark.parametrize("change", [repeated, swapped, padded, overfull, decreasing])
def test_a_hint_is_taken_in_its_one_encoding_only(algorithm, change):
    """FIPS 204 algorithm 21: a second encoding of one hint would be a second signature of one message."""
    key = SigningKey(algorithm, b"\x05" * 32)
    while True:  # until the last polynomial has two ones and there is room for one more
        signature = key.sign(b"message")
        before, positions, ends, omega = hint_of(algorithm.name, signature)
        if ends[-1] - ends[-2] >= 2 and ends[-1] < omega - 1:
            break
    key.public_key.verify(signature, b"message")
    change(positions, ends, omega)
    assert refused(key.public_key, before + bytes(positions) + bytes(ends), b"message", b"")


@given(st.data())
def test_no_bytes_make_a_backend_raise_anything_else(data):
    name = data.draw(st.sampled_from(["ML-DSA-44", "SLH-DSA-SHA2-128f", "Falcon-512", *LMS_CASES]))
    key, message, context, signature = signed(name)
    start = data.draw(st.integers(0, len(signature)))
    junk = signature[:start] + data.draw(st.binary(max_size=64)) + signature[start + data.draw(st.integers(0, 64)) :]
    assert junk == signature or refused(key, junk, message, context)
