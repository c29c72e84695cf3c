"""Identities stay in their home; what is handed out are pseudonyms that nobody else can connect."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.crypto import cbor
from qcot.custody.identities import FORMAT, Identities, Identity, PublicIdentity
from qcot.errors import QcotError

ADA = Identity("ada", b"\1" * 32, b"\2" * 32)
PUBLIC = ADA.pseudonym(0).public
RAW = PUBLIC.encode()


def test_a_pseudonym_is_the_same_whenever_it_is_derived_and_another_for_each_number():
    again = Identity("ada", b"\1" * 32, b"\2" * 32).pseudonym(0)
    assert (again.kid, again.public.kem) == (PUBLIC.kid, PUBLIC.kem)
    others = [ADA.pseudonym(number) for number in (1, 2, 1 << 40)]
    assert len({PUBLIC.kid, *(each.kid for each in others)}) == 4
    assert len({PUBLIC.kem_hash, *(each.public.kem_hash for each in others)}) == 4


def test_what_is_handed_out_is_read_back_and_holds_no_name_and_no_seed():
    assert PublicIdentity.parse(RAW) == PUBLIC
    assert not any(secret in RAW for secret in (b"ada", ADA.sign_seed, ADA.kem_seed))


@settings(max_examples=60)
@given(data=st.data())
def test_an_altered_file_is_refused(data):
    raw = bytearray(RAW)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(QcotError, match="bad-identity-file"):
        PublicIdentity.parse(bytes(raw))


@settings(max_examples=40)
@given(st.binary(max_size=100) | st.just(b"\0" * 9000) | st.just(RAW[:-1]) | st.just(RAW + b"\0"))
def test_other_bytes_are_refused(data):
    with pytest.raises(QcotError, match="bad-identity-file"):
        PublicIdentity.parse(data)


def test_another_ml_kem_key_in_somebodys_file_is_noticed():
    """Or the data key would be wrapped to whoever exchanged it on the way."""
    mallory = ADA.pseudonym(7).public
    forged = cbor.encode([FORMAT, PUBLIC.key.raw, mallory.kem.raw, PUBLIC.proof])
    with pytest.raises(QcotError, match="bad-identity-file"):
        PublicIdentity.parse(forged)


def test_an_identity_is_made_once_from_seeds_that_only_its_owner_can_read(tmp_path):
    identities = Identities(tmp_path / "identities")
    made = identities.create("ada")
    assert identities.load("ada") == made
    assert identities.names() == ["ada"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.seed")} == {0o600}
    assert (tmp_path / "identities" / "ada").stat().st_mode & 0o777 == 0o700
    assert made.sign_seed.hex() not in repr(made)
    with pytest.raises(QcotError, match="identity-exists"):
        identities.create("ada")


def test_an_identity_that_was_half_made_is_completed_with_the_seed_that_is_there(tmp_path):
    identities = Identities(tmp_path)
    seed = identities.create("ada").sign_seed
    (tmp_path / "ada" / "kem.seed").unlink()
    with pytest.raises(QcotError, match="identity-missing"):
        identities.load("ada")
    assert identities.create("ada").sign_seed == seed


def test_a_seed_that_others_can_read_is_not_used(tmp_path):
    identities = Identities(tmp_path)
    identities.create("ada")
    (tmp_path / "ada" / "kem.seed").chmod(0o644)
    with pytest.raises(QcotError, match="key-file-mode"):
        identities.load("ada")


def test_credentials_of_a_service_never_stand_for_the_seeds_of_an_identity(tmp_path, monkeypatch):
    """One name would stand for every identity there is: all of them would be the same person."""
    made = [Identities(tmp_path).create(name) for name in ("ada", "bo")]
    for name in ("sign.seed", "kem.seed"):
        (tmp_path / f"qcot.{name}").write_bytes(b"c" * 32)
        (tmp_path / f"qcot.{name}").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert [Identities(tmp_path).load(name) for name in ("ada", "bo")] == made
    assert made[0] != made[1]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ä", "a" * 65])
def test_a_name_that_would_lead_elsewhere_is_refused(tmp_path, name):
    for call in (Identities(tmp_path).create, Identities(tmp_path).load, Identities(tmp_path).handed_out):
        with pytest.raises(QcotError, match="bad-identity-name"):
            call(name)


def test_a_folder_that_cannot_be_made_is_said_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(QcotError, match="custody-io"):
        Identities(tmp_path / "file").create("ada")
