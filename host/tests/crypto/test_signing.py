"""Signature algorithms against NIST's and Wycheproof's vectors and, where there is one, a second implementation."""

import importlib

import pytest
from crypto_vectors import cases, label
from qcot.crypto.signing import (
    ALGORITHMS,
    FALCON_512,
    LMS,
    ML_DSA_44,
    ML_DSA_65,
    ML_DSA_87,
    SLH_DSA_SHA2_128F,
    SLH_DSA_SHA2_128S,
    PublicKey,
    SigningKey,
    named,
)
from qcot.errors import QcotError

ML_DSA = (ML_DSA_44, ML_DSA_65, ML_DSA_87)
SLH_DSA = [each for each in ALGORITHMS.values() if each.family == "SLH-DSA"]
SIGNED = [each.name for each in SLH_DSA if each.name.endswith("f")] + ["SLH-DSA-SHA2-128s"]
"""The other small sets take 1 to 4 s for a signature: those are verified, with vectors."""
STANDARDS = {
    # FIPS 204 table 2, FIPS 205 table 2, SP 800-208 (types 5 and 9 of RFC 8554, the longest), Falcon 3.3:
    # public key, signature, category
    "ML-DSA-44": (1312, 2420, 2), "ML-DSA-65": (1952, 3309, 3), "ML-DSA-87": (2592, 4627, 5),
    "SLH-DSA-SHA2-128s": (32, 7856, 1), "SLH-DSA-SHA2-128f": (32, 17088, 1), "SLH-DSA-SHA2-192s": (48, 16224, 3),
    "SLH-DSA-SHA2-192f": (48, 35664, 3), "SLH-DSA-SHA2-256s": (64, 29792, 5), "SLH-DSA-SHA2-256f": (64, 49856, 5),
    "SLH-DSA-SHAKE-128s": (32, 7856, 1), "SLH-DSA-SHAKE-128f": (32, 17088, 1), "SLH-DSA-SHAKE-192s": (48, 16224, 3),
    "SLH-DSA-SHAKE-192f": (48, 35664, 3), "SLH-DSA-SHAKE-256s": (64, 29792, 5), "SLH-DSA-SHAKE-256f": (64, 49856, 5),
    "LMS": (56, 4 + 4 + 32 * 266 + 4 + 32 * 25, 3), "Falcon-512": (897, 666, 1), "Falcon-1024": (1793, 1280, 5),
}  # fmt: skip


def problem(call, *arguments) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value.problem.name


def verdict(case) -> bool:
    key = PublicKey(named(case["algorithm"]), case["public"])
    try:
        key.verify(case["signature"], case["message"], case["context"])
    except QcotError as error:
        if error.problem.name == "bad-signature":
            return False
        raise
    return True


def by_name(algorithms):
    return pytest.mark.parametrize("algorithm", algorithms, ids=lambda each: each.name)


@by_name(ALGORITHMS.values())
def test_sizes_and_categories_are_those_of_the_standards(algorithm):
    sizes = (algorithm.public_key_size, algorithm.signature_size, algorithm.category)
    assert sizes == STANDARDS[algorithm.name]
    assert named(algorithm.name) is algorithm


def test_cose_numbers_are_registered_or_private_and_no_two_are_equal():
    registered = {"ML-DSA-44": -48, "ML-DSA-65": -49, "ML-DSA-87": -50}  # RFC 9964
    assert {each.name: each.cose for each in ALGORITHMS.values() if each.cose > -65600} == registered
    assert len({each.cose for each in ALGORITHMS.values()}) == len(ALGORITHMS)


@pytest.mark.parametrize("case", cases("acvp_ml_dsa", use="keyGen"), ids=label)
def test_nist_seeds_give_their_public_keys(case):
    assert SigningKey(named(case["algorithm"]), case["seed"]).public_key.raw == case["public"]


@pytest.mark.parametrize(
    "case",
    cases("acvp_ml_dsa", use="sigVer") + cases("acvp_slh_dsa", use="sigVer") + cases("wycheproof_ml_dsa"),
    ids=label,
)
def test_verdicts_are_those_of_nist_and_wycheproof(case):
    assert verdict(case) is case["holds"]


@pytest.mark.parametrize("case", cases("acvp_slh_dsa", use="keyGen"), ids=label)
def test_what_a_nist_secret_key_signs_holds_under_nist_s_public_key(case):
    """The signer computes the top tree from the seeds; another root than NIST's would not verify."""
    key = SigningKey(named(case["algorithm"]), case["secret"])
    assert key.public_key.raw == case["public"]
    if case["algorithm"] in SIGNED:
        PublicKey(key.algorithm, case["public"]).verify(key.sign(b"message", b"context"), b"message", b"context")


@by_name(ML_DSA)
def test_a_second_implementation_takes_our_signatures_and_refuses_changed_ones(algorithm):
    module = second(algorithm)
    key = SigningKey(algorithm, b"\x07" * 32)
    signature = key.sign(b"message", b"context")
    assert accepts(module, key.public_key.raw, b"message", signature, b"context")
    assert not accepts(module, key.public_key.raw, b"massage", signature, b"context")
    assert not accepts(module, key.public_key.raw, b"message", signature, b"")


@by_name(ML_DSA)
def test_we_take_signatures_of_a_second_implementation_and_refuse_changed_ones(algorithm):
    module = second(algorithm)
    public, secret = module.keygen()
    ours = PublicKey(algorithm, bytes(public))
    ours.verify(bytes(module.sign(secret, b"message", b"context")), b"message", b"context")
    other = bytes(module.sign(secret, b"message", b"other context"))
    assert problem(ours.verify, other, b"message", b"context") == "bad-signature"


@by_name([ML_DSA_44, SLH_DSA_SHA2_128F, FALCON_512])
def test_a_drawn_key_comes_back_from_its_secret_and_signs_hedged(algorithm):
    key = SigningKey.generate(algorithm)
    again = SigningKey(algorithm, key.secret)
    assert len(key.secret) == algorithm.secret_size
    assert again.public_key == key.public_key
    assert key.secret != SigningKey.generate(algorithm).secret
    first, second_ = key.sign(b"message"), key.sign(b"message")
    assert first != second_
    for signature in (first, second_):
        again.public_key.verify(signature, b"message")


@by_name([*ML_DSA, *SLH_DSA, FALCON_512])
@pytest.mark.parametrize("off", [-1, 1])
def test_a_key_of_another_length_is_refused(algorithm, off):
    assert problem(SigningKey, algorithm, bytes(algorithm.secret_size + off)) == "bad-key"
    assert problem(PublicKey, algorithm, bytes(algorithm.public_key_size + off)) == "bad-key"


@by_name([ML_DSA_44, SLH_DSA_SHA2_128F])
def test_a_context_has_at_most_255_bytes(algorithm):
    key = SigningKey.generate(algorithm)
    key.public_key.verify(key.sign(b"", b"c" * 255), b"", b"c" * 255)
    with pytest.raises(ValueError, match="256 bytes"):
        key.sign(b"", b"c" * 256)
    assert problem(key.public_key.verify, key.sign(b""), b"", b"c" * 256) == "bad-signature"


def test_a_context_where_there_is_none_is_a_bug_of_the_caller():
    key = SigningKey.generate(FALCON_512)
    with pytest.raises(ValueError, match="at most 0"):
        key.sign(b"", b"context")
    with pytest.raises(ValueError, match="no context"):
        key.public_key.verify(key.sign(b""), b"", b"context")


def test_lms_is_not_signed_with():
    assert problem(SigningKey.generate, LMS) == "algorithm-verify-only"
    assert problem(SigningKey, LMS, bytes(32)) == "algorithm-verify-only"


def test_falcon_without_its_extra_is_refused_with_how_to_get_it(monkeypatch):
    monkeypatch.setitem(importlib.import_module("sys").modules, "pqc.sign.falcon_512", None)
    with pytest.raises(QcotError) as caught:
        SigningKey.generate(FALCON_512)
    assert caught.value.problem.name == "algorithm-needs-extra"
    assert "qcot[falcon]" in caught.value.problem.remedy
    assert problem(PublicKey(FALCON_512, bytes(897)).verify, bytes(600), b"") == "algorithm-needs-extra"


def test_a_key_shows_its_id_and_never_its_secret():
    for algorithm, secret in ((ML_DSA_44, bytes(range(32))), (SLH_DSA_SHA2_128S, bytes(range(64)))):
        key = SigningKey(algorithm, secret)
        assert secret[:32].hex() not in repr(key)
        assert repr(secret[:8])[2:-1] not in repr(key)
        assert key.public_key.kid.hex() in repr(key)


def second(algorithm):
    importlib.import_module("pqcrypto.sign")
    return importlib.import_module("pqcrypto.sign." + algorithm.name.lower().replace("-", "_"))


def accepts(module, public, message, signature, context) -> bool:
    """Versions differ: some return False, some raise."""
    try:
        return module.verify(public, message, signature, context) in (None, True)
    except (ValueError, RuntimeError):
        return False
