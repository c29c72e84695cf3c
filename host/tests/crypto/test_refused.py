"""Families that fell cannot be chosen, and the refusal says why."""

import pytest
from qcot.crypto import kem, signing
from qcot.crypto.refused import BROKEN, Fate, fallen
from qcot.errors import QcotError

NAMES = {  # as they were written in their time: family, year
    "Rainbow-III-Classic": ("Rainbow", 2022), "rainbow": ("Rainbow", 2022), "SIKEp434": ("SIKE", 2022),
    "SIDH": ("SIKE", 2022), "GeMSS128": ("GeMSS", 2021), "BlueGeMSS128": ("GeMSS", 2021),
    "SPHINCS+-Haraka-128f-simple": ("SPHINCS+-Haraka", 2023), "sphincs-haraka-256s-robust": ("SPHINCS+-Haraka", 2023),
    "SPHINCS+-SHA256-128f-robust": ("SPHINCS+ robust", 2023), "Dilithium2-AES": ("Dilithium-AES", 2023),
    "Dilithium3-AES": ("Dilithium-AES", 2023), "Kyber768-90s": ("Kyber-90s", 2023), "Picnic3-L1": ("Picnic", 2022),
    "BIKE-L1": ("BIKE", 2025), "SPHINCS+-SHAKE256-128f-simple": ("SPHINCS+", 2024), "Dilithium3": ("Dilithium", 2024),
    "Kyber512": ("Kyber", 2024), "RSA-4096": ("RSA, finite fields", 1994), "DH": ("RSA, finite fields", 1994),
    "Ed25519": ("elliptic curves", 1994), "ECDSA-P256": ("elliptic curves", 1994), "X25519": ("elliptic curves", 1994),
}  # fmt: skip


@pytest.mark.parametrize("table", [signing, kem], ids=["signing", "kem"])
@pytest.mark.parametrize("name", NAMES)
def test_a_fallen_family_is_refused_with_the_reason_and_the_year(table, name):
    family, year = NAMES[name]
    with pytest.raises(QcotError) as caught:
        table.named(name)
    assert caught.value.problem.name == "algorithm-refused"
    why = fallen(name)
    assert (why.family, why.year) == (family, year)
    assert all(part in caught.value.reason for part in (why.reason, str(year), why.fate))


@pytest.mark.parametrize("name", ["", "ML-DSA-66", "ml-dsa-65", "ML-KEM", "Blowfish", "x" * 10_000, "ML-DSA-65 "])
@pytest.mark.parametrize("table", [signing, kem], ids=["signing", "kem"])
def test_any_other_name_is_unknown_and_quoted_in_part_only(table, name):
    with pytest.raises(QcotError) as caught:
        table.named(name)
    assert caught.value.problem.name == "algorithm-unknown"
    assert len(caught.value.reason) < 120


def test_no_algorithm_that_can_be_chosen_is_fallen():
    assert [name for name in (*signing.ALGORITHMS, *kem.KEMS) if fallen(name)] == []


def test_the_four_families_that_fell_since_the_paper_are_in_the_table():
    fates = {each.family: each.fate for each in BROKEN}
    wanted = {
        "Rainbow": Fate.BROKEN,
        "SIKE": Fate.BROKEN,
        "SPHINCS+-Haraka": Fate.DROPPED,
        "Dilithium-AES": Fate.DROPPED,
    }
    assert wanted.items() <= fates.items()
