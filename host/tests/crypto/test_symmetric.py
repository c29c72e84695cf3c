"""AES-256-GCM and HKDF-SHA-384, on which channels and sealed files stand, against Wycheproof."""

import hashlib
import hmac

import pytest
from crypto_vectors import cases, label
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@pytest.mark.parametrize("case", cases("wycheproof_symmetric", use="AES-256-GCM"), ids=label)
def test_aes_256_gcm_verdicts(case):
    aead = AESGCM(case["key"])
    if case["holds"]:
        assert aead.decrypt(case["nonce"], case["sealed"], case["aad"]) == case["plaintext"]
        assert aead.encrypt(case["nonce"], case["plaintext"], case["aad"]) == case["sealed"]
    else:
        with pytest.raises(InvalidTag):
            aead.decrypt(case["nonce"], case["sealed"], case["aad"])


@pytest.mark.parametrize("case", cases("wycheproof_symmetric", use="HKDF-SHA-384"), ids=label)
def test_hkdf_sha_384_outputs_and_those_of_hmac(case):
    derived = HKDF(SHA384(), case["size"], case["salt"], case["info"]).derive(case["ikm"])
    assert derived == case["okm"]
    secret, block, out = hmac.digest(case["salt"] or bytes(48), case["ikm"], hashlib.sha384), b"", b""
    for count in range(1, 4):  # RFC 5869 section 2.3
        block = hmac.digest(secret, block + case["info"] + bytes([count]), hashlib.sha384)
        out += block
    assert derived == out[: case["size"]]
