"""LMS verification: NIST's and RFC 8554's vectors, and what pyhsslms alone would let pass."""

import pyhsslms.pyhsslms as library
import pytest
from crypto_vectors import cases, label
from hypothesis import given
from hypothesis import strategies as st
from qcot.crypto.lms import PARAMETERS
from qcot.crypto.signing import LMS, PublicKey
from qcot.errors import QcotError

TREES = [case for case in cases("acvp_lms") if case["sets"] != "HSS"]
VALID = {case["sets"]: case for case in TREES if case["holds"]}
W8 = VALID["LMS_SHA256_M32_H10 LMOTS_SHA256_N32_W8"]
TYPE_AT = 4  # of the one-time type in a key and in a signature alike


def refusal(raw: bytes, signature: bytes = b"", message: bytes = b"") -> str:
    with pytest.raises(QcotError) as caught:
        PublicKey(LMS, raw).verify(signature, message)
    return caught.value.problem.name


@pytest.mark.parametrize("case", TREES, ids=label)
def test_verdicts_are_those_of_nist(case):
    if case["holds"]:
        PublicKey(LMS, case["public"]).verify(case["signature"], case["message"])
    else:
        assert refusal(case["public"], case["signature"], case["message"]) == "bad-signature"


@pytest.mark.parametrize("case", cases("acvp_lms", sets="HSS"), ids=lambda case: f"case-{case['tcId']}")
def test_both_levels_of_rfc_8554_appendix_f_hold(case):
    """HSS of two levels (section 6.3): the upper tree signs the lower one's key, that one the message."""
    upper, rest = case["public"][4:], case["signature"][4:]
    size = PARAMETERS[upper[:8]].signature_size
    signature, rest = rest[:size], rest[size:]
    size = PARAMETERS[rest[:8]].public_key_size
    lower, last = rest[:size], rest[size:]
    PublicKey(LMS, upper).verify(signature, lower)
    PublicKey(LMS, lower).verify(last, case["message"])
    assert refusal(lower, last, case["message"] + b"\0") == "bad-signature"
    assert refusal(upper, last, case["message"]) == "bad-signature"


def test_every_pair_of_one_hash_and_size_is_known_and_no_other():
    """SP 800-208 section 4: five heights and four Winternitz parameters for each of four hashes."""
    assert len(PARAMETERS) == 5 * 4 * 4
    # Lengths by the formulas of RFC 8554 table 1 and section 5.4, types by its registry and RFC 9858.
    assert (PARAMETERS[bytes.fromhex("0000000500000001")].signature_size) == 4 + 4 + 32 * 266 + 4 + 32 * 5
    assert (PARAMETERS[bytes.fromhex("0000001800000010")].signature_size) == 4 + 4 + 24 * 27 + 4 + 24 * 25


SMALL = [p for p in PARAMETERS.values() if p.height == 5 and p.chains < 110 and p.chains > 50]


@pytest.mark.parametrize("parameters", SMALL, ids=lambda each: (each.tree + each.one_time).hex())
def test_what_a_signer_of_a_small_tree_signs_holds(parameters):
    signer = library.LmsPrivateKey(parameters.tree, parameters.one_time)
    key = PublicKey(LMS, signer.publicKey().serialize())
    signer.sign(b"first")
    key.verify(signer.sign(b"second"), b"second")


def test_another_one_time_type_than_the_key_s_is_refused_though_the_library_takes_it():
    raw = W8["public"][:TYPE_AT] + library.lmots_sha256_n32_w4 + W8["public"][TYPE_AT + 4 :]
    assert library.LmsPublicKey.deserialize(raw).verify(W8["message"], W8["signature"])
    assert refusal(raw, W8["signature"], W8["message"]) == "bad-signature"


def test_bytes_behind_a_key_are_refused_though_the_library_drops_them():
    m24 = VALID["LMS_SHA256_M24_H25 LMOTS_SHA256_N24_W8"]
    raw = m24["public"] + bytes(8)  # as long as a key of 32-byte hashes
    assert library.LmsPublicKey.deserialize(raw).verify(m24["message"], m24["signature"])
    assert refusal(raw) == "bad-key"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(7),
        bytes(48),
        bytes(56),
        W8["public"][:-1],
        W8["public"] + b"\0",
        W8["public"][:48],
        bytes.fromhex("0000000500000008") + bytes(40),  # hash of 32 bytes in the tree, of 24 in the one-time key
        bytes.fromhex("000000050000000c") + bytes(48),  # SHA-256 and SHAKE
        bytes.fromhex("0000000400000004") + bytes(48),
        bytes.fromhex("0000001900000010") + bytes(40),
    ],
    ids=lambda raw: f"{raw[:8].hex()}-{len(raw)}",
)
def test_a_key_of_no_known_types_or_of_another_length_is_refused(raw):
    assert refusal(raw) == "bad-key"


def test_a_leaf_beyond_the_tree_is_refused():
    for leaf in (1 << 10, (1 << 32) - 1):
        signature = leaf.to_bytes(4, "big") + W8["signature"][4:]
        assert refusal(W8["public"], signature, W8["message"]) == "bad-signature"


@given(st.sampled_from(sorted(PARAMETERS)), st.binary(max_size=60), st.binary(max_size=2000))
def test_any_bytes_are_refused_by_name(types, rest, signature):
    assert refusal(types + rest, signature) in ("bad-key", "bad-signature")
