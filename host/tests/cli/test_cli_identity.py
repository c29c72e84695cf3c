"""Authority and certificates as an operator meets them: windows, requests that are carried, answers and refusals."""

import io
import json
import re
import time
from pathlib import Path

import pytest
from command import Run, run
from home_site import IMAGE, enrolled, founded
from qcot.authority import registration
from qcot.authority.store import AuthorityStore
from qcot.boards.registry import BoardRegistry
from qcot.bridge import spool
from qcot.certificates import certificate, request, revocation
from qcot.certificates.certificate import LogClaims, Role
from qcot.certificates.register import Register
from qcot.cli import services
from qcot.cli.authority import parse_duration
from qcot.crypto import cbor
from qcot.crypto.kem import ML_KEM_768, KemKey, KemPublicKey
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.errors import QcotError
from qcot.home import Home
from qcot.link import keys
from qcot.settings import Settings
from trust_site import Authority

__all__ = ["run"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with an authority, a bridge and a gateway."""
    return founded(tmp_path / "home")


@pytest.fixture
def other(run: Run, home: Home, tmp_path: Path) -> Home:
    """The home of a bridge on another machine, which has asked and not been answered."""
    words = ("init", "--home", tmp_path / "other", "--join", home.authority_file, "--name", "bridge-2")
    assert run(*words)[0] == 0
    return Home(tmp_path / "other")


def register_of(home: Home) -> Register:
    """What this home's certificates come to, each of them judged."""
    register = Register(home.root(), home.settings().site)
    for raw in [*home.issuers(), *(p.read_bytes() for p in home.certificates.rglob("*.cert"))]:
        register = register.admit(raw, int(time.time()))
    return register


def refused(run: Run, *words: str | Path) -> str:
    status, _, err = run(*words)
    assert status == 1
    assert "what to do: " in err
    return err.split(":")[0]


# Founding


def test_init_certifies_bridge_and_gateway_under_one_root_and_says_where_its_key_is(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("init", "--site", "ward-3")
    home = Home(tmp_path / "home")
    assert status == 0
    assert str(home.authority / "root.key") in out
    assert "offline" in out
    register, now = register_of(home), int(time.time())
    bridge = register.require(home.bridge_key().public_key.kid, Role.BRIDGE, now, "bridge")
    gateway = register.require(home.gateway_key().public_key.kid, Role.GATEWAY, now, "gateway")
    assert (bridge.site, bridge.policy) == ("ward-3", "default")
    assert gateway.log == LogClaims("qcot.local/ward-3")
    for path in [home.authority, *home.authority.iterdir(), home.requests]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert refused(run, "init") == "home-exists"


def test_an_init_that_was_interrupted_goes_on_with_the_authority_that_it_began(home: Home) -> None:
    root = home.root()
    home.settings_file.unlink()
    with pytest.raises(QcotError, match="certificate-wrong-site"):
        registration.found(home.path, Settings(site="elsewhere"), int(time.time()))
    again = registration.found(home.path, Settings(), int(time.time()))
    assert again.root() == root
    assert len(register_of(again).of_role(Role.BRIDGE)) == 1


def test_a_day_to_day_authority_needs_no_root_key(run: Run, home: Home, other: Home, tmp_path: Path) -> None:
    (home.authority / "root.key").rename(tmp_path / "safe")
    assert run("authority", "window", "--for", "10m")[0] == 0
    assert run("authority", "issue", other.request_file("bridge"), "--yes")[0] == 0
    assert run("authority", "revoke", "bridge-2")[0] == 0
    assert refused(run, "authority", "rotate-issuer") == "root-offline"
    (tmp_path / "safe").rename(home.authority / "root.key")
    assert run("authority", "rotate-issuer")[0] == 0
    assert len(home.issuers()) == 2
    assert run("certificate", "request", "bridge")[0] == 0
    assert register_of(home).require(home.bridge_key().public_key.kid, Role.BRIDGE, int(time.time()))


# The window


def test_requests_are_heard_in_the_operators_window_alone(run: Run, home: Home, other: Home) -> None:
    issue = ("authority", "issue", other.request_file("bridge"), "--yes")
    assert json.loads(run("authority", "window", "--json")[1]) == {"open": False, "until": None}
    assert refused(run, *issue) == "window-closed"
    assert json.loads(run("authority", "window", "--for", "10m", "--json")[1])["open"]
    assert run(*issue)[0] == 0
    assert run("authority", "window", "--close")[1].startswith("closed")
    assert run(*issue)[0] == 0  # the same request has its answer already
    assert run("certificate", "request", "bridge", "--home", other.path)[0] == 0
    assert refused(run, *issue) == "window-closed"


def test_a_command_where_the_authority_is_opens_the_window_for_its_own_request_alone(home: Home) -> None:
    now = int(time.time())
    board = enrolled(home)
    assert registration.register_board(home, board, now).name == board.device.hex()
    with AuthorityStore(home.authority) as store:
        assert store.window(now) is None
        until = store.open_window(600, now)
    assert registration.register_board(home, enrolled(home), now)
    with AuthorityStore(home.authority) as store:
        assert store.window(now) == until


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("8h", 28800), ("7d", 604800)])
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1", "1.5h", "10 m", "1w", "9999999999", "٣m"])
def test_a_duration_that_is_none_is_wrong_usage(run: Run, home: Home, text: str) -> None:
    assert run("authority", "window", "--for", text)[0] == 2


@pytest.mark.parametrize("text", ["0", "8d"])
def test_a_window_without_end_is_refused(run: Run, home: Home, text: str) -> None:
    assert refused(run, "authority", "window", "--for", text) == "bad-window"


# Carried requests and answers


def test_a_bridge_elsewhere_is_certified_by_files_and_ends_up_trusting_the_gateway(
    run: Run, home: Home, other: Home, tmp_path: Path
) -> None:
    assert other.parts() == ("bridge",)
    assert other.settings().site == "home"
    assert other.settings().bridge.name == "bridge-2"
    asked = other.request_file("bridge")
    assert asked.stat().st_mode & 0o077 == 0
    assert other.bridge_key().public_key.raw not in asked.read_bytes()
    run("authority", "window", "--for", "10m")
    answer = tmp_path / "answer"
    assert run("authority", "issue", asked, "--out", answer, "--yes")[0] == 0
    told = json.loads(run("certificate", "install", answer, "--home", other.path, "--json")[1])
    assert [each["role"] for each in told["certificates"]] == ["issuer", "gateway", "bridge"]
    assert not asked.exists()
    register = register_of(other)
    now = int(time.time())
    assert register.require(other.bridge_key().public_key.kid, Role.BRIDGE, now, "bridge-2")
    assert register.require(home.gateway_key().public_key.kid, Role.GATEWAY, now, "gateway")
    shown = json.loads(run("certificate", "show", "--home", other.path, "--json")[1])
    assert {each["state"] for each in shown} == {"holds"}


class Terminal(io.StringIO):
    """Standard input as a person has it."""

    def isatty(self) -> bool:
        return True


def test_an_operator_sees_the_asking_key_before_anything_is_issued(
    run: Run, home: Home, other: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("authority", "window", "--for", "10m")
    _, told, _ = run("certificate", "request", "bridge", "--home", other.path)
    digits = re.search(r"key +((?:[0-9a-f]{4} ){7}[0-9a-f]{4})", told)
    assert digits
    issue = ("authority", "issue", other.request_file("bridge"))
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    status, out, _ = run(*issue)
    assert status == 1
    assert f"bridge bridge-2, key {digits[1]}" in out
    assert "policy default" in out
    assert len(json.loads(run("authority", "list", "--json")[1])) == 3
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run(*issue)[0] == 0
    assert len(json.loads(run("authority", "list", "--json")[1])) == 4


def test_an_operator_sees_how_many_witnesses_a_gateway_asks_for(
    run: Run, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who asks writes the quorum into the request: a gateway that wants rid of its witnesses asks for none."""
    log = LogClaims(home.settings().log_origin, 1, ("tower", "harbour"))
    asked = tmp_path / "gateway.request"
    asked.write_bytes(
        request.for_key(
            home.gateway_key(), role=Role.GATEWAY, site=home.settings().site, name="gateway", time=int(time.time()),
            log=log,
        )
    )  # fmt: skip
    run("authority", "window", "--for", "10m")
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    status, out, _ = run("authority", "issue", asked)
    assert status == 0
    assert f"log {log.origin}, cosigned by 1 of tower, harbour" in out
    issued = json.loads(run("authority", "issue", asked, "--yes", "--json")[1])
    assert issued["log"] == {"origin": log.origin, "quorum": 1, "cosigners": ["tower", "harbour"]}


def test_a_daemon_says_in_time_that_a_certificate_ends(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    services._warn_of_end(home, "bridge", "gateway")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(services, "SOON_S", 731 * 86_400)
    services._warn_of_end(home, "bridge")
    assert "the bridge's certificate ends in 729 days: qcot certificate request bridge" in capsys.readouterr().err


def test_a_board_elsewhere_is_asked_for_sealed_and_certified_by_its_bridge(run: Run, home: Home, other: Home) -> None:
    now = int(time.time())
    board = enrolled(other)
    run("authority", "window", "--for", "10m")
    asked = registration.register_board(other, board, now)
    assert isinstance(asked, registration.Asked)
    assert asked.kid == board.device
    assert BoardRegistry(other.path).key(board.device) not in asked.file.read_bytes()
    assert refused(run, "authority", "issue", asked.file, "--yes") == "certificate-unknown"  # of its bridge
    for file in (other.request_file("bridge"), asked.file):
        assert run("authority", "issue", file, "--yes")[0] == 0
        assert run("certificate", "install", file.with_suffix(".answer"), "--home", other.path)[0] == 0
    made = register_of(other).board(board.device)
    assert made is not None
    assert made.board is not None
    assert made.board.commitment == keys.commitment(board.device, BoardRegistry(other.path).key(board.device))
    assert (made.board.image, made.policy, made.bridge) == (IMAGE, "default", "bridge-2")
    assert registration.register_board(other, board, now).raw == made.raw  # what holds is not asked for again


def test_a_board_that_comes_from_another_bridge_is_certified_anew_for_this_one(home: Home) -> None:
    now, board = int(time.time()), enrolled(home)
    first = registration.register_board(home, board, now)
    text = home.settings_file.read_text()
    assert registration.register_board(home, board, now) == first
    home.certificate_file("bridge").unlink()
    home.settings_file.write_text(text.replace('[bridge]\nname = "bridge"', '[bridge]\nname = "moved"'))
    registration.certify(home, "bridge", now)
    second = registration.register_board(home, board, now)
    assert isinstance(first, certificate.Certificate)
    assert isinstance(second, certificate.Certificate)
    assert (first.bridge, second.bridge) == ("bridge", "moved")


def test_boards_says_which_have_a_certificate(run: Run, home: Home) -> None:
    board, without = enrolled(home), enrolled(home)
    made = registration.register_board(home, board, int(time.time()))
    assert isinstance(made, certificate.Certificate)
    told = json.loads(run("boards", "--json")[1])["boards"]
    ends = {each["device"]: each["certified_until"] for each in told}
    assert ends == {board.device.hex(): made.not_after, without.device.hex(): None}
    assert "qcot enroll PORT" in run("boards")[1]


def test_a_board_whose_certificate_was_taken_back_is_shown_so_and_has_to_be_erased(run: Run, home: Home) -> None:
    board, now = enrolled(home), int(time.time())
    registration.register_board(home, board, now)
    assert run("authority", "revoke", board.device.hex(), "--reason", "key-compromise")[0] == 0
    assert "certificate-revoked" in run("certificate", "show")[1]
    assert [each["certified_until"] for each in json.loads(run("boards", "--json")[1])["boards"]] == [None]
    with pytest.raises(QcotError, match="certificate-revoked") as refusal:
        registration.register_board(home, board, now + 1)
    assert "Erase the board" in refusal.value.problem.remedy


def test_a_board_without_proof_of_possession_is_not_asked_for(home: Home) -> None:
    board = enrolled(home)
    next((home.keys / "boards").glob("*.proof")).unlink()
    with pytest.raises(QcotError, match="possession-not-shown"):
        registration.register_board(home, board, int(time.time()))


def test_keys_may_be_credentials_of_a_service(
    run: Run, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for file in (home.key_file("bridge"), home.authority / "issuing.seed", home.authority / "kem.seed"):
        file.rename(credentials / f"qcot.{file.name}")
    assert home.parts() == ("bridge", "gateway")  # which an operator's shell sees by the bridge's certificate
    assert refused(run, "certificate", "request", "bridge") == "key-lost"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert run("certificate", "request", "bridge")[0] == 0
    renewed = tmp_path / "answer"
    renewed.write_bytes(home.certificate("bridge"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert run("certificate", "install", renewed)[0] == 0


def test_an_answer_for_another_home_is_refused_and_nothing_is_written(
    run: Run, home: Home, other: Home, tmp_path: Path
) -> None:
    run("authority", "window", "--for", "10m")
    third = tmp_path / "third"
    run("init", "--home", third, "--join", home.authority_file, "--name", "bridge-3")
    answer = tmp_path / "answer"
    run("authority", "issue", Home(third).request_file("bridge"), "--out", answer, "--yes")
    assert refused(run, "certificate", "install", answer, "--home", other.path) == "certificate-of-another-key"
    assert not list(other.certificates.rglob("*.cert"))


def test_statements_of_another_authority_are_refused(run: Run, home: Home, other: Home, tmp_path: Path) -> None:
    strange = Authority("home", 1)
    gateway = strange.gateway(SigningKey.generate(ML_DSA_44))
    (tmp_path / "answer").write_bytes(cbor.encode([strange.certificate, gateway]))
    assert refused(run, "certificate", "install", tmp_path / "answer", "--home", other.path) == "issuer-unknown"
    assert (
        refused(run, "authority", "issue", _request_to(KemKey.generate(ML_KEM_768).public_key, tmp_path), "--yes")
        == "request-for-another"
    )
    assert not list(other.certificates.rglob("*.cert"))


def _request_to(authority: KemPublicKey, folder: Path) -> Path:
    raw = request.for_key(
        SigningKey.generate(ML_DSA_44), role=Role.WITNESS, site="home", name="witness.example/w", time=int(time.time())
    )
    (folder / "w.request").write_bytes(request.seal(raw, authority))
    return folder / "w.request"


def test_a_witness_is_certified_by_the_same_commands(run: Run, home: Home, other: Home, tmp_path: Path) -> None:
    run("authority", "window", "--for", "10m")
    assert run("authority", "issue", _request_to(home.authority_keys().kem, tmp_path), "--yes")[0] == 0
    assert run("certificate", "install", tmp_path / "w.answer")[0] == 0
    (file,) = (home.certificates / "witnesses").iterdir()
    assert certificate.parse(file.read_bytes()).name == "witness.example/w"


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\x81\x01", b"{}", b"\xff" * 9, cbor.encode([b""] * 65)])
def test_an_answer_that_is_none_is_refused_by_name(run: Run, home: Home, tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "answer").write_bytes(raw)
    assert refused(run, "certificate", "install", tmp_path / "answer") == "bad-answer"


def test_files_that_cannot_be_read_or_are_too_long_are_refused_by_name(run: Run, home: Home, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes((1 << 20) + 1))
    for file in ("/nonexistent", tmp_path, tmp_path / "long"):
        for words in (("certificate", "install"), ("authority", "issue"), ("certificate", "show"), ("init", "--join")):
            assert refused(run, *words, file) == "file-unreadable"
    for name in ("home", "garbage"):
        (tmp_path / "garbage").write_text(name)
        assert refused(run, "init", "--home", tmp_path / "x", "--join", tmp_path / "garbage") == "bad-authority-file"
    assert not (tmp_path / "x" / "qcot.toml").exists()


def test_a_name_that_another_key_has_passes_on_only_when_that_is_said(run: Run, home: Home, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    assert run("init", "--home", twin, "--join", home.authority_file)[0] == 0  # as "bridge", which there is already
    run("authority", "window", "--for", "10m")
    issue = ("authority", "issue", Home(twin).request_file("bridge"), "--yes")
    assert refused(run, *issue) == "name-taken"
    assert run(*issue, "--replace")[0] == 0


def test_wrong_combinations_are_wrong_usage(run: Run, tmp_path: Path) -> None:
    for words in (("--name", "x"), ("--as", "bridge"), ("--join", "x", "--as", "teapot"), ("--site", "a/b")):
        assert run("init", *words)[0] == 2
    assert refused(run, "authority", "list") == "authority-missing"
    assert refused(run, "certificate", "request", "bridge") == "no-home"


@pytest.mark.parametrize("part", ["issuer", "bridge", "gateway"])
def test_a_damaged_certificate_is_named_with_its_file_and_asking_anew_mends_it(run: Run, home: Home, part: str) -> None:
    file = home.certificate_file(part)
    file.write_bytes(file.read_bytes()[:-1])
    _, shown, _ = run("certificate", "show")
    assert re.search(rf"{part}\.cert +bad-cbor", shown)
    assert {each["state"] for each in json.loads(run("certificate", "show", "--json")[1])} == (
        {"bad-cbor", "not-certified"} if part == "issuer" else {"bad-cbor", "holds"}
    )
    status, _, err = run("up", "--seconds", "1")
    assert status == 1
    assert f"{file} holds no certificate" in err
    assert run("certificate", "request", "gateway" if part == "issuer" else part)[0] == 0
    assert {each["state"] for each in json.loads(run("certificate", "show", "--json")[1])} == {"holds"}


# Revocation and rotation


def test_a_revocation_goes_to_the_bridge_here_or_by_a_file_to_one_elsewhere(
    run: Run, home: Home, other: Home, tmp_path: Path
) -> None:
    run("authority", "window", "--for", "10m")
    run("authority", "issue", other.request_file("bridge"), "--yes")
    run("certificate", "install", other.request_file("bridge").with_suffix(".answer"), "--home", other.path)
    file = tmp_path / "revocation"
    status, out, _ = run(
        "authority", "revoke", "bridge-2", "--reason", "key-compromise", "--out", file, "--json"
    )  # fmt: skip
    assert status == 0
    assert json.loads(out)["submitted"]
    raw = file.read_bytes()
    assert [each.read_bytes() for each in spool.folder(home.path).glob("*.cbor")] == [raw]
    assert revocation.parse(raw).reason.name == "key-compromise"
    assert run("certificate", "install", file, "--home", other.path)[0] == 0
    assert [each.read_bytes() for each in spool.folder(other.path).glob("*.cbor")] == [raw]
    gateway = tmp_path / "gateway"
    run("init", "--home", gateway, "--join", home.authority_file, "--as", "gateway", "--name", "g2")
    Home(gateway).certificate_file("issuer").write_bytes(home.certificate("issuer"))
    assert refused(run, "certificate", "install", file, "--home", gateway) == "no-bridge-here"
    listed = json.loads(run("authority", "list", "--json")[1])
    assert [each["revoked"] for each in listed if each["name"] == "bridge-2"] == [["key-compromise"]]
    assert refused(run, "authority", "revoke", "bridge-2") == "no-such-certificate"  # by name; by serial it is there
    assert run("authority", "revoke", listed[-1]["serial"])[0] == 0


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("nobody",), "no-such-certificate"),
        (("00",), "no-such-certificate"),
        (("bridge", "--reason", "mood"), "reason-unknown"),
    ],
)
def test_a_revocation_that_is_none_is_refused_by_name(run: Run, home: Home, words: tuple[str, ...], name: str) -> None:
    assert refused(run, "authority", "revoke", *words) == name


def test_a_new_key_is_certified_and_the_old_one_gives_over_to_it(run: Run, home: Home) -> None:
    old = home.bridge_key().public_key
    assert run("certificate", "rotate", "bridge")[0] == 0
    new = home.key("bridge.next").public_key
    (statement,) = [each.read_bytes() for each in spool.folder(home.path).glob("*.cbor")]
    register = register_of(home).rotate(statement, old.kid)
    assert register.require(new.kid, Role.BRIDGE, int(time.time()), "bridge")
    with pytest.raises(QcotError, match="certificate-rotated"):
        register.require(old.kid, Role.BRIDGE, int(time.time()), "bridge")


def test_a_gateway_goes_on_under_a_new_key_and_the_old_certificate_stays(run: Run, home: Home) -> None:
    old, now = home.gateway_key().public_key, int(time.time())
    assert run("certificate", "rotate", "gateway")[0] == 0
    new = home.gateway_key().public_key
    assert new != old
    assert certificate.parse(home.certificate("gateway")).kid == new.kid
    assert not home.key_file("gateway.next").exists()
    assert not home.certificate_file("gateway.next").exists()
    register = home.trust().register()
    assert all(register.require(kid, Role.GATEWAY, now, "gateway") for kid in (old.kid, new.kid))
    home.certificate_file("gateway").rename(home.certificate_file("gateway.next"))  # as if it had stopped before this
    assert run("certificate", "rotate", "gateway")[0] == 0
    assert home.gateway_key().public_key == new
    home.key_file("gateway").unlink()
    assert refused(run, "certificate", "rotate", "gateway") == "key-elsewhere"


def test_a_new_key_elsewhere_waits_for_its_certificate(run: Run, home: Home, other: Home) -> None:
    run("authority", "window", "--for", "10m")
    run("authority", "issue", other.request_file("bridge"), "--yes")
    run("certificate", "install", other.request_file("bridge").with_suffix(".answer"), "--home", other.path)
    assert run("certificate", "rotate", "bridge", "--home", other.path)[0] == 0
    asked = other.request_file("bridge.next")
    assert refused(run, "authority", "issue", asked, "--yes") == "name-taken"
    assert run("authority", "issue", asked, "--yes", "--replace")[0] == 0
    assert run("certificate", "install", asked.with_suffix(".answer"), "--home", other.path)[0] == 0
    assert not list(spool.folder(other.path).glob("*.cbor"))
    assert run("certificate", "rotate", "bridge", "--home", other.path)[0] == 0
    assert len(list(spool.folder(other.path).glob("*.cbor"))) == 1
