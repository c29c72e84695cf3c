"""Sealing against RFC 9180, written down here a second time, and against the draft's vector for ML-KEM."""

import hashlib
import hmac

import pytest
from crypto_vectors import cases
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from qcot.crypto import hpke
from qcot.crypto.kem import HQC_128, ML_KEM_512, ML_KEM_768, ML_KEM_1024, KemKey, KemPublicKey
from qcot.errors import QcotError

KEM_IDS = {"ML-KEM-768": 0x0041, "ML-KEM-1024": 0x0042}  # draft-ietf-hpke-pq
KDF_ID, AEAD_ID, TAG = 2, 2, 16  # HKDF-SHA384, AES-256-GCM
KEYS = {kem.name: KemKey.generate(kem) for kem in (ML_KEM_768, ML_KEM_1024)}
EVERY = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


def problem(call, *arguments) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value.problem.name


def schedule(kem: str, shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Key and base nonce in base mode (RFC 9180 section 5.1)."""
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (KEM_IDS[kem], KDF_ID, AEAD_ID))

    def extract(salt: bytes, name: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt or bytes(48), b"HPKE-v1" + suite + name + ikm, hashlib.sha384)

    def expand(secret: bytes, name: bytes, context: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + name + context
        return hmac.digest(secret, labelled + b"\x01", hashlib.sha384)[:length]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)


def test_the_draft_s_vector_agrees_with_what_is_written_here():
    (case,) = cases("hpke_pq")
    assert KemKey(ML_KEM_1024, case["seed"]).public_key.raw == case["public"]
    assert KemKey(ML_KEM_1024, case["seed"]).decapsulate(case["enc"]) == case["shared"]
    key, nonce = schedule(case["kem"], case["shared"], case["info"])
    assert (key, nonce) == (case["key"], case["base_nonce"])
    assert AESGCM(key).encrypt(nonce, case["plaintext"], case["aad"]) == case["ciphertext"]


@EVERY
def test_what_we_seal_opens_by_the_letter_of_rfc_9180(key):
    sealed = hpke.seal(key.public_key, b"plaintext", b"use")
    at = key.kem.ciphertext_size
    secret, nonce = schedule(key.kem.name, key.decapsulate(sealed[:at]), b"use")
    assert AESGCM(secret).decrypt(nonce, sealed[at:], b"") == b"plaintext"
    assert len(sealed) == len(b"plaintext") + hpke.overhead(key.kem)


@EVERY
def test_what_is_sealed_by_the_letter_of_rfc_9180_we_open(key):
    shared, ciphertext = key.public_key.encapsulate()
    secret, nonce = schedule(key.kem.name, shared, b"use")
    sealed = ciphertext + AESGCM(secret).encrypt(nonce, b"plaintext", b"")
    assert hpke.open_(key, sealed, b"use") == b"plaintext"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_only_the_same_key_and_use_open(plaintext, info):
    key = KEYS["ML-KEM-768"]
    sealed = hpke.seal(key.public_key, plaintext, info)
    assert hpke.open_(key, sealed, info) == plaintext
    assert sealed != hpke.seal(key.public_key, plaintext, info)
    assert problem(hpke.open_, key, sealed, info + b"\0") == "sealed-for-another"


@EVERY
def test_another_key_and_any_change_are_refused(key):
    sealed, at = hpke.seal(key.public_key, b"plaintext", b"use"), key.kem.ciphertext_size
    changed = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in (0, at - 1, at, len(sealed) - 1)]
    for wrong in (b"", sealed[:at], sealed[:100], sealed[:-1], sealed + b"\0", bytes(len(sealed)), *changed):
        assert problem(hpke.open_, key, wrong, b"use") == "sealed-for-another"
    assert problem(hpke.open_, KemKey.generate(key.kem), sealed, b"use") == "sealed-for-another"


def test_a_public_key_that_is_none_and_a_kem_without_a_suite_are_refused():
    assert problem(hpke.seal, KemPublicKey(ML_KEM_768, b"\xff" * 1184), b"", b"") == "bad-key"
    for kem in (ML_KEM_512, HQC_128):
        key = KemKey.generate(kem)
        assert problem(hpke.seal, key.public_key, b"", b"") == "algorithm-unknown"
        assert problem(hpke.open_, key, bytes(5000), b"") == "algorithm-unknown"
