from pathlib import Path

import pytest
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65
from qcot.errors import QcotError
from qcot.home import Home, create_home, read_public_key
from qcot.settings import Settings


def test_a_new_home_trusts_its_own_bridge_and_gateway(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home", Settings())
    assert home.settings() == Settings()
    assert home.trusted_bridges() == {"bridge": home.bridge_key().public_key}
    assert home.trusted_gateway("gateway") == home.gateway_key().public_key


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
    with pytest.raises(QcotError, match="not-trusted"):
        Home(tmp_path).trusted_gateway("gateway")


@pytest.mark.parametrize("content", ["", "ML-DSA-44", "ML-DSA-44 !!!", "RSA AAAA", "ML-DSA-65 AAAA", "a b c", "\x00"])
def test_a_broken_public_key_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.pub"
    path.write_text(content)
    with pytest.raises(QcotError):
        read_public_key(path, ML_DSA_65)


def test_a_key_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    home = create_home(tmp_path, Settings())
    with pytest.raises(QcotError, match="ML-DSA-44 is needed"):
        read_public_key(home.trusted / "bridges" / "bridge.pub", ML_DSA_44)


def test_a_home_whose_key_is_gone_says_what_that_means(tmp_path: Path) -> None:
    home = create_home(tmp_path, Settings())
    (home.keys / "gateway.seed").unlink()
    with pytest.raises(QcotError, match="key-lost") as caught:
        home.gateway_key()
    assert "backup" in caught.value.problem.remedy
    assert home.bridge_key()
