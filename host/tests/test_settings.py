from pathlib import Path

import pytest
from qcot.errors import QcotError
from qcot.settings import Settings, as_toml, load_settings


def test_the_file_that_init_writes_holds_the_defaults_exactly(tmp_path: Path) -> None:
    path = tmp_path / "qcot.toml"
    path.write_text(as_toml(Settings()))
    assert load_settings(path) == Settings()


def test_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.toml") == Settings()


def test_every_wrong_value_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "qcot.toml"
    path.write_text('site = "a b"\nsitee = 1\n[gateway]\ninterval_s = -1\n[bridge.rates."*"]\nA0 = 300\n')
    with pytest.raises(QcotError) as caught:
        load_settings(path)
    assert caught.value.problem.name == "settings-broken"
    assert str(path) in caught.value.reason
    for wrong in ("site:", "sitee:", "gateway.interval_s:", "bridge.rates.*.A0:"):
        assert wrong in caught.value.reason
    assert caught.value.reason.startswith("4 wrong")


@pytest.mark.parametrize("content", [b"site = ", b"\xff\xfe", b"site = 'a'\nsite = 'b'"])
def test_what_is_not_toml_is_refused_with_its_place(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "qcot.toml"
    path.write_bytes(content)
    with pytest.raises(QcotError, match="is not TOML") as caught:
        load_settings(path)
    assert caught.value.problem.name == "settings-broken"


def test_a_variable_overrides_one_value_and_leaves_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "qcot.toml"
    path.write_text("[gateway]\ninterval_s = 3\nshots = 7\n")
    monkeypatch.setenv("QCOT_GATEWAY__INTERVAL_S", "2")
    assert (load_settings(path).gateway.interval_s, load_settings(path).gateway.shots) == (2.0, 7)
