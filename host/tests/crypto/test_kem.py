"""Key encapsulation against NIST's and Wycheproof's vectors and, where there is one, a second implementation."""

import importlib

import pytest
from crypto_vectors import cases, label
from qcot.crypto.kem import (
    CLASSIC_MCELIECE_348864F,
    HQC_128,
    HQC_192,
    HQC_256,
    KEMS,
    ML_KEM_512,
    ML_KEM_768,
    ML_KEM_1024,
    KemKey,
    KemPublicKey,
    named,
)
from qcot.errors import QcotError

SIZES = {  # public key, ciphertext, category: FIPS 203 table 3, HQC (2025), Classic McEliece (2022)
    "ML-KEM-512": (800, 768, 1), "ML-KEM-768": (1184, 1088, 3), "ML-KEM-1024": (1568, 1568, 5),
    "HQC-128": (2241, 4433, 1), "HQC-192": (4514, 8978, 3), "HQC-256": (7237, 14421, 5),
    "Classic-McEliece-348864": (261120, 96, 1), "Classic-McEliece-460896": (524160, 156, 3),
    "Classic-McEliece-6688128": (1044992, 208, 5), "Classic-McEliece-6960119": (1047319, 194, 5),
    "Classic-McEliece-8192128": (1357824, 208, 5),
}  # fmt: skip
RUN = (ML_KEM_512, ML_KEM_768, ML_KEM_1024, HQC_128, HQC_192, HQC_256, CLASSIC_MCELIECE_348864F)
KEYS = {kem.name: KemKey.generate(kem) for kem in RUN}
EVERY = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


def problem(call, *arguments) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value.problem.name


@pytest.mark.parametrize("kem", KEMS.values(), ids=KEMS)
def test_sizes_are_those_of_the_specifications_and_of_the_library(kem):
    assert (kem.public_key_size, kem.ciphertext_size, kem.category) == SIZES[kem.name.removesuffix("f")]
    assert named(kem.name) is kem
    library = second(kem)
    assert (kem.public_key_size, kem.ciphertext_size) == (library.PUBLIC_KEY_SIZE, library.CIPHERTEXT_SIZE)
    if kem.family == "Classic McEliece":
        assert kem.secret_size == library.SECRET_KEY_SIZE + kem.public_key_size


@pytest.mark.parametrize("case", cases("acvp_ml_kem", use="keyGen"), ids=label)
def test_nist_secrets_give_their_public_keys(case):
    kem = named(case["kem"])
    assert KemKey(kem, case["secret"] if kem is ML_KEM_512 else case["seed"]).public_key.raw == case["public"]


@pytest.mark.parametrize("case", cases("acvp_ml_kem", use="decapsulation"), ids=label)
def test_nist_ciphertexts_give_their_secrets_also_those_to_be_rejected(case):
    assert KemKey(named(case["kem"]), case["secret"]).decapsulate(case["ciphertext"]) == case["shared"]


@pytest.mark.parametrize("case", cases("acvp_ml_kem", use="encapsulationKeyCheck"), ids=label)
def test_what_nist_calls_no_key_is_none(case):
    assert not case["holds"]
    assert problem(lambda: KemPublicKey(named(case["kem"]), case["key"]).encapsulate()) == "bad-key"


@pytest.mark.parametrize("case", cases("wycheproof_ml_kem"), ids=label)
def test_wycheproof_verdicts(case):
    def run():
        key = KemKey(named(case["kem"]), case["seed"])
        return key.public_key.raw, key.decapsulate(case["ciphertext"])

    if case["holds"]:
        assert run() == (case["public"], case["shared"])
    else:
        wanted = "bad-key" if "Private key" in case["comment"] else "bad-ciphertext"
        assert problem(run) == wanted


@EVERY
def test_both_ends_get_the_same_secret_and_another_one_each_time(key):
    again = KemKey(key.kem, key.secret)
    assert again.public_key == key.public_key
    first, second_ = key.public_key.encapsulate(), key.public_key.encapsulate()
    assert first[0] != second_[0]
    for shared, ciphertext in (first, second_):
        assert (len(shared), len(ciphertext)) == (32, key.kem.ciphertext_size)
        assert again.decapsulate(ciphertext) == shared


@pytest.mark.parametrize("kem", [ML_KEM_768, ML_KEM_1024], ids=lambda kem: kem.name)
def test_a_second_implementation_gets_the_same_secrets_both_ways(kem):
    library, ours = second(kem), KEYS[kem.name]
    ciphertext, shared = library.encaps(ours.public_key.raw)
    assert ours.decapsulate(bytes(ciphertext)) == bytes(shared)
    public, secret = library.keygen()
    shared, ciphertext = KemPublicKey(kem, bytes(public)).encapsulate()
    assert bytes(library.decaps(secret, ciphertext)) == shared


@EVERY
def test_an_altered_ciphertext_gives_a_secret_that_nobody_else_has(key):
    """Implicit rejection: always the same one for these bytes, so that the sender learns nothing by asking twice."""
    shared, ciphertext = key.public_key.encapsulate()
    for at in (0, len(ciphertext) // 2, len(ciphertext) - 1)[: 3 if key.kem.family == "ML-KEM" else 1]:
        altered = ciphertext[:at] + bytes([ciphertext[at] ^ 1]) + ciphertext[at + 1 :]
        rejected = key.decapsulate(altered)
        assert rejected not in (shared, bytes(32))
        assert rejected == key.decapsulate(altered)


@EVERY
def test_lengths_that_are_not_those_of_the_algorithm_are_refused(key):
    _, ciphertext = key.public_key.encapsulate()
    for wrong in (b"", ciphertext[:-1], ciphertext + b"\0", bytes(5)):
        assert problem(key.decapsulate, wrong) == "bad-ciphertext"
    for wrong in (b"", key.secret[:-1], key.secret + b"\0"):
        assert problem(KemKey, key.kem, wrong) == "bad-key"
    for wrong in (b"", key.public_key.raw[:-1], key.public_key.raw + b"\0"):
        assert problem(KemPublicKey, key.kem, wrong) == "bad-key"


@pytest.mark.parametrize("kem", [ML_KEM_512, ML_KEM_768, ML_KEM_1024], ids=lambda kem: kem.name)
def test_coefficients_that_are_not_reduced_are_no_key(kem):
    """The modulus check of FIPS 203 section 7.2."""
    assert problem(KemPublicKey(kem, b"\xff" * kem.public_key_size).encapsulate) == "bad-key"


@pytest.mark.parametrize("case", cases("acvp_ml_kem", use="decapsulationKeyCheck"), ids=label)
def test_a_secret_key_that_nist_finds_altered_is_none(case):
    """The hash check of FIPS 203 section 7.3: without it, decapsulation would reject everything in silence."""
    key = KemKey(named(case["kem"]), case["key"])
    if case["holds"]:
        key.decapsulate(key.public_key.encapsulate()[1])
    else:
        assert problem(key.decapsulate, bytes(768)) == "bad-key"


def test_a_key_shows_its_id_and_never_its_secret():
    key = KEYS["ML-KEM-768"]
    assert key.public_key.kid.hex() in repr(key)
    assert key.secret.hex()[:16] not in repr(key)
    assert str(key.secret[:8])[2:-1] not in repr(key)


def second(kem):
    importlib.import_module("pqcrypto.kem")
    name = kem.name.lower().replace("classic-mceliece-", "mceliece_").replace("-", "_")
    return importlib.import_module(f"pqcrypto.kem.{name}")
