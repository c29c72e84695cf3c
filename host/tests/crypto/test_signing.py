"""ML-DSA against Wycheproof and against a second implementation, both ways."""

import importlib
import json
from pathlib import Path

import pytest
from qcot.crypto.signing import ALGORITHMS, ML_DSA_44, ML_DSA_65, ML_DSA_87, PublicKey, SigningKey
from qcot.errors import QcotError

VECTORS = json.loads((Path(__file__).parent / "vectors" / "wycheproof_mldsa.json").read_text())
ML_DSA = (ML_DSA_44, ML_DSA_65, ML_DSA_87)
MODULES = {a.name: importlib.import_module("pqcrypto.sign." + a.name.lower().replace("-", "_")) for a in ML_DSA}
EVERY = pytest.mark.parametrize("algorithm", ML_DSA, ids=lambda a: a.name)


@pytest.mark.parametrize("case", VECTORS["verify"], ids=lambda c: f"{c['algorithm']}-{c['tcId']}")
def test_wycheproof_verdicts(case):
    parts = [bytes.fromhex(case[name]) for name in ("publicKey", "sig", "msg", "ctx")]

    def verify():
        PublicKey(ALGORITHMS[case["algorithm"]], parts[0]).verify(*parts[1:])

    if case["result"] == "valid":
        verify()
    else:
        with pytest.raises(QcotError) as caught:
            verify()
        wanted = "bad-key" if "IncorrectPublicKeyLength" in case["flags"] else "bad-signature"
        assert caught.value.problem.name == wanted


@pytest.mark.parametrize("case", VECTORS["seeds"], ids=lambda c: f"{c['algorithm']}-{c['seed'][:8]}")
def test_wycheproof_seeds_give_their_public_keys(case):
    key = SigningKey(ALGORITHMS[case["algorithm"]], bytes.fromhex(case["seed"]))
    assert key.public_key.raw.hex() == case["publicKey"]


@EVERY
def test_sizes_and_cose_numbers_are_those_of_the_standards(algorithm):
    sizes = {-48: (1312, 2420), -49: (1952, 3309), -50: (2592, 4627)}  # FIPS 204 table 2, RFC 9964
    assert (algorithm.public_key_size, algorithm.signature_size) == sizes[algorithm.cose]
    key = SigningKey(algorithm, bytes(32))
    assert len(key.public_key.raw) == algorithm.public_key_size
    assert len(key.sign(b"")) == algorithm.signature_size


@EVERY
def test_a_second_implementation_takes_our_signatures_and_refuses_changed_ones(algorithm):
    module = MODULES[algorithm.name]
    key = SigningKey(algorithm, b"\x07" * 32)
    theirs = key.public_key.raw
    signature = key.sign(b"message", b"context")
    assert accepts(module, theirs, b"message", signature, b"context")
    assert not accepts(module, theirs, b"massage", signature, b"context")
    assert not accepts(module, theirs, b"message", signature, b"")


@EVERY
def test_we_take_signatures_of_a_second_implementation_and_refuse_changed_ones(algorithm):
    module = MODULES[algorithm.name]
    public, secret = module.keygen()
    ours = PublicKey(algorithm, bytes(public))
    signature = bytes(module.sign(secret, b"message"))
    ours.verify(signature, b"message")
    changed = [
        (signature[:-1], b"message"),
        (signature + b"\0", b"message"),
        (bytes([signature[0] ^ 1]) + signature[1:], b"message"),
        (b"", b"message"),
        (signature, b"message "),
        (bytes(module.sign(secret, b"message", b"other context")), b"message"),
    ]
    for wrong, message in changed:
        with pytest.raises(QcotError, match="bad-signature"):
            ours.verify(wrong, message)
    with pytest.raises(QcotError, match="bad-signature"):
        SigningKey(algorithm, bytes(32)).public_key.verify(signature, b"message")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_length_is_refused(size):
    with pytest.raises(QcotError, match="bad-key"):
        SigningKey(ML_DSA_65, bytes(size))


def test_a_key_shows_its_id_and_never_its_seed():
    key = SigningKey(ML_DSA_44, bytes(range(32)))
    assert bytes(range(32)).hex() not in repr(key)
    assert key.public_key.kid.hex() in repr(key)


def accepts(module, public, message, signature, context) -> bool:
    """Versions differ: some return False, some raise."""
    try:
        return module.verify(public, message, signature, context) in (None, True)
    except (ValueError, RuntimeError):
        return False
