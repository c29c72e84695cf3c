from pathlib import Path

import pytest
from qcot.errors import QcotError
from qcot.settings import BridgeSettings, Settings, as_toml, load_settings


def test_the_file_that_init_writes_holds_the_defaults_exactly(tmp_path: Path) -> None:
    path = tmp_path / "qcot.toml"
    path.write_text(as_toml(Settings()))
    assert load_settings(path) == Settings()
    other = Settings(bridge=BridgeSettings(ports=("/dev/ttyACM0", "b")))
    path.write_text(as_toml(other))
    assert load_settings(path) == other


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


def test_one_port_needs_no_brackets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "qcot.toml"
    path.write_text('[bridge]\nports = "/dev/ttyACM0"\n')
    assert load_settings(path).bridge.ports == ("/dev/ttyACM0",)
    monkeypatch.setenv("QCOT_BRIDGE__PORTS", "/dev/ttyUSB3")
    assert load_settings(path).bridge.ports == ("/dev/ttyUSB3",)
    monkeypatch.setenv("QCOT_BRIDGE__PORTS", '["a", "b"]')
    assert load_settings(path).bridge.ports == ("a", "b")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QCOT_SITEE", "x"),
        ("QCOT_SITE", "a b"),
        ("QCOT_BRIDGE", "not JSON"),
        ("QCOT_BRIDGE__PORTZ", "x"),
        ("QCOT_BRIDGE__PORTS", '["a",'),
        ("QCOT_BRIDGE__RATES", "not JSON"),
        ("QCOT_BRIDGE__RATES", '{"*": {"A0": 0.01}}'),
        ("QCOT_GATEWAY__SHOTS", "many"),
        ("QCOT_BROKER__PORT", "0"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(QcotError, match=rf"\n  {variable}: ") as caught:
        load_settings(tmp_path / "none.toml")
    assert caught.value.problem.name == "settings-broken"


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QcotError, match=r"settings-broken: .* cannot be read"):
        load_settings(tmp_path)
