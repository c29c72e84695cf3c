from pathlib import Path

import pytest
from home_site import founded
from qcot.authority.store import AuthorityStore
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65
from qcot.errors import QcotError
from qcot.home import Home, create_home, write_whole
from qcot.settings import Settings


def test_a_new_home_has_the_keys_of_what_it_plays_and_no_certificate_yet(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", Settings())
    assert home.settings() == Settings()
    assert home.parts() == ("bridge", "gateway")
    assert home.bridge_key().algorithm is ML_DSA_65
    assert home.gateway_key().algorithm is ML_DSA_44
    alone = create_home(tmp_path / "alone", Settings(), parts=("gateway",))
    assert alone.parts() == ("gateway",)
    with pytest.raises(QcotError, match="key-lost"):
        alone.bridge_key()
    with pytest.raises(QcotError, match="not-certified"):
        alone.chain("gateway")


def test_a_home_is_whole_only_when_its_certificates_are_there(tmp_path: Path) -> None:
    def fail(_home: Home) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(QcotError, match="home-unusable"):
        create_home(tmp_path, Settings(), complete=fail)
    with pytest.raises(QcotError, match="no-home"):
        Home(tmp_path).settings()
    seed = (tmp_path / "keys" / "bridge.seed").read_bytes()
    create_home(tmp_path, Settings(), complete=lambda home: write_whole(home.certificate_file("issuer"), b"1"))
    assert Home(tmp_path).certificate_file("issuer").read_bytes() == b"1"
    with pytest.raises(QcotError, match=r"not-certified.*issuer\.cert"):
        Home(tmp_path).chain()
    assert (tmp_path / "keys" / "bridge.seed").read_bytes() == seed


def test_the_root_is_the_authoritys_and_its_file_is_believed_only_under_its_own_signature(tmp_path: Path) -> None:
    with pytest.raises(QcotError, match="no-authority"):
        Home(tmp_path).root()
    home = founded(tmp_path / "home")
    with AuthorityStore(home.authority) as store:
        assert home.root() == store.root
    assert home.trust().register().certificate(home.gateway_key().public_key.kid)
    text = home.authority_file.read_text()
    for broken in (text[:-9] + "AAAAAAA=\n", text.splitlines()[0], "", "\0"):
        home.authority_file.write_text(broken)
        with pytest.raises(QcotError, match="bad-authority-file"):
            home.root()


def test_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", Settings())
    for path in [home.path, home.keys, *home.keys.iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_init_never_replaces_a_home_and_finishes_an_interrupted_one(tmp_path: Path) -> None:
    home = create_home(tmp_path, Settings())
    with pytest.raises(QcotError, match="home-exists"):
        create_home(tmp_path, Settings())
    seed = (home.keys / "bridge.seed").read_bytes()
    home.settings_file.unlink()
    create_home(tmp_path, Settings())
    assert (home.keys / "bridge.seed").read_bytes() == seed


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    home = create_home(tmp_path, Settings())
    (home.keys / "gateway.seed").chmod(0o640)
    with pytest.raises(QcotError) as caught:
        home.gateway_key()
    assert caught.value.problem.name == "key-file-mode"
    assert f"chmod 600 {home.keys / 'gateway.seed'}" in caught.value.problem.remedy


def test_a_folder_without_a_home_says_so(tmp_path: Path) -> None:
    with pytest.raises(QcotError, match="no-home"):
        Home(tmp_path).settings()


def test_a_home_whose_key_is_gone_says_what_that_means(tmp_path: Path) -> None:
    home = create_home(tmp_path, Settings())
    (home.keys / "gateway.seed").unlink()
    with pytest.raises(QcotError, match="key-lost") as caught:
        home.gateway_key()
    assert "backup" in caught.value.problem.remedy
    assert home.bridge_key()
