"""LMS verification: NIST's and RFC 8554's vectors, and what pyhsslms alone would let pass."""

import hashlib
import importlib.util
import struct
from pathlib import Path

import pyhsslms.pyhsslms as library
import pytest
from crypto_vectors import cases, label
from hypothesis import given
from hypothesis import strategies as st
from qcot.crypto.lms import BOARD_TYPES, PARAMETERS, Tree, assemble, checkpoint_message, leaf_of, parameters_of
from qcot.crypto.signing import LMS, PublicKey
from qcot.errors import QcotError

_spec = importlib.util.spec_from_file_location(
    "verify_board", Path(__file__).parents[3] / "examples" / "verify_board.py"
)
_alone = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_alone)
signature_holds = _alone.signature_holds

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


def leaf_nodes(signer):
    """RFC 8554 section 5.3 with hashlib alone, from the signer's one-time public keys."""
    n, many = len(signer.pub), len(signer.ots_pub)
    return [
        hashlib.sha256(signer.I + struct.pack(">I", many + q) + b"\x82\x82" + key.K).digest()[:n]
        for q, key in enumerate(signer.ots_pub)
    ]


@pytest.mark.parametrize("parameters", SMALL, ids=lambda each: (each.tree + each.one_time).hex())
def test_a_tree_made_of_leaves_has_the_root_and_the_paths_of_another_implementation(parameters):
    if parameters.tree not in (library.lms_sha256_m24_h5, library.lms_sha256_m32_h5):
        with pytest.raises(ValueError, match="leaves"):
            Tree(parameters, bytes(16), [])
        return
    signer = library.LmsPrivateKey(parameters.tree, parameters.one_time)
    tree = Tree(parameters, signer.I, leaf_nodes(signer))
    assert tree.root == signer.pub
    assert parameters.public_key(signer.I, tree.root) == signer.publicKey().serialize()
    message = checkpoint_message(bytes(range(8)), 7, 99, bytes(32))
    key = PublicKey(LMS, signer.publicKey().serialize())
    for q in (0, 1, 13, 31):
        assert tree.path(q) == signer.path(32 + q)
        one_time, n = signer.ots_priv[q].sign(message), parameters.n
        values = [one_time[4 + n * (1 + i) :][:n] for i in range(parameters.chains)]
        made = assemble(parameters, q, one_time[4 : 4 + n], values, tree.path(q))
        assert leaf_of(made) == q
        key.verify(made, message)
        assert library.LmsPublicKey.deserialize(key.raw).verify(message, made)
        swapped = assemble(parameters, q, one_time[4 : 4 + n], values, tree.path(q ^ 1))
        assert refusal(key.raw, swapped, message) == "bad-signature"
    for q in (-1, 32):
        with pytest.raises(IndexError):
            tree.path(q)


def test_a_tree_of_too_few_leaves_or_of_another_size_is_none():
    parameters = parameters_of(0x0A, 0x07)
    for leaves in ([bytes(24)] * 31, [bytes(24)] * 33, [bytes(32)] * 32, [bytes(24)] * 31 + [b""]):
        with pytest.raises(ValueError, match="32 leaves of 24 bytes"):
            Tree(parameters, bytes(16), leaves)
    assert parameters_of(0x0A, 0x03) is None
    assert parameters_of(0x0A, 0x17) is None


def test_the_message_of_a_checkpoint_is_that_of_the_protocol_page():
    made = checkpoint_message(bytes.fromhex("0102030405060708"), 0x0A0B0C0D, 0x01020304, bytes(range(32)))
    assert made == b"qcot/checkpoint/v1" + bytes.fromhex("01020304050607080d0c0b0a04030201") + bytes(range(32))
    assert len(made) == 66


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


@pytest.mark.parametrize("case", TREES, ids=label)
def test_the_second_verifiers_own_lms_has_nists_verdicts_for_every_set_that_a_board_may_have(case):
    expected = case["holds"] and case["public"][:8] in BOARD_TYPES
    assert signature_holds(case["public"], case["signature"], case["message"]) == expected


def test_a_board_may_have_sha_256_whole_or_cut_in_any_height_with_two_widths():
    assert len(BOARD_TYPES) == 2 * 5 * 2
    assert {PARAMETERS[each].chains for each in BOARD_TYPES} == {26, 34, 51, 67}
