"""`qcot signer` with a board on a pty, in a home that has its own authority."""

import io
import json
import re
from contextlib import closing

import pyhsslms.pyhsslms as library
import pytest
from board_peer import Board, PtyBoard
from command import run
from home_site import founded
from qcot.boards.registry import BoardRegistry
from qcot.bridge import signing
from qcot.bridge.cable import Cable
from qcot.certificates import certificate
from qcot.link.session import Session
from qcot.link.signer import Phase
from qcot.link.transport import SerialPort
from signer_peer import LEAVES, SignerPeer

__all__ = ["run"]


@pytest.fixture
def home(tmp_path):
    return founded(tmp_path / "home")


@pytest.fixture
def board(home, run, monkeypatch):
    monkeypatch.setitem(Session.__init__.__kwdefaults__, "listen", 0.0)  # no bootloader here
    with PtyBoard(Board(signer=SignerPeer())) as found:
        status, _, err = run("enroll", found.path)
        assert status == 0, err
        found.reset()
        yield found


def told(run, *words):
    status, out, _ = run(*words, "--json")
    found = json.loads(out)
    assert (status != 0) == ("error" in found), found
    return found


def test_one_command_makes_a_key_and_certifies_it(run, board, home):
    assert told(run, "signer", "status", board.path)["phase"] == "none"
    status, out, _ = run("signer", "generate", board.path)
    assert status == 0
    assert "31 signatures are left" in out
    assert out.endswith(f"next  qcot up --port {board.path}\n")
    found = told(run, "signer", "status", board.path)
    assert found["public"] == board.board.signer.public.hex()
    assert (found["phase"], found["certified"], found["left"]) == ("ready", True, LEAVES - 1)
    assert found["set"] == "SHA-256/192, W 4, H 5"
    status, out, _ = run("boards")
    assert "31 signatures left" in out
    again = told(run, "signer", "generate", board.path)
    assert again["left"] == LEAVES - 1  # nothing is burned by asking again


def test_the_first_signature_of_a_key_is_the_proof_that_its_certificate_wants(run, board, home):
    with Cable(board.path, BoardRegistry(home.path)) as cable:
        cable.make_key()
    status, out, err = run("signer", "sign", board.path, "--out", home.path / "mine")
    assert status == 0, err
    device = told(run, "signer", "status", board.path)["device"]
    assert f"next     qcot signer certify {device}" in out
    status, out, _ = run("signer", "generate", board.path, "--begin")
    assert "there is a key already: 31 signatures are left" in out
    assert run("signer", "certify", device)[0] == 0
    found = told(run, "signer", "status", board.path)
    assert (found["certified"], found["left"]) == (True, LEAVES - 1)


def test_a_board_that_another_program_has_open_is_asked_for_by_its_id(run, board):
    with closing(SerialPort(board.path)):
        status, _, err = run("signer", "status", board.path)
    assert status == 1
    assert "port-busy" in err
    assert "give the board's id instead" in err


def test_a_signature_is_written_to_files_that_another_implementation_verifies(run, board, tmp_path):
    told(run, "signer", "generate", board.path)
    status, out, _ = run("signer", "sign", board.path, "--out", tmp_path / "mine")
    assert status == 0
    assert "leaf 1" in out
    sig, msg, pub = ((tmp_path / f"mine.{each}").read_bytes() for each in ("sig", "msg", "pub"))
    key = library.LmsPublicKey.deserialize(pub)
    assert key.verify(msg, sig)
    assert not key.verify(msg[:-1] + b"x", sig)
    assert told(run, "signer", "status", board.board.device.hex())["left"] == LEAVES - 2


def test_nodes_that_are_lost_are_had_from_the_board_again(run, board, home):
    told(run, "signer", "generate", board.path)
    (file,) = (home.path / "boards").glob("*.leaves")
    before = file.read_bytes()
    file.unlink()
    assert told(run, "signer", "rebuild", board.path)["leaves"] == LEAVES
    assert file.read_bytes() == before
    file.write_bytes(before[:100] + bytes(50) + before[150:])
    status, out, err = run("signer", "rebuild", board.path)
    assert status == 0
    assert "all 32 leaves" in out
    assert "signer-nodes-damaged" in err
    assert told(run, "signer", "rebuild", board.path, "--all")["public"] == board.board.signer.public.hex()


def test_a_key_that_is_used_up_is_refused_by_name_and_followed_by_another(run, board, home):
    told(run, "signer", "generate", board.path)
    board.board.signer.next, board.board.signer.phase = LEAVES, Phase.EXHAUSTED
    first = board.board.signer.public
    error = told(run, "signer", "sign", board.path)["error"]
    assert error["name"] == "signer-exhausted"
    assert "certificate is renewed" in error["remedy"]
    assert told(run, "signer", "status", board.path)["left"] == 0
    error = told(run, "signer", "generate", board.path)["error"]
    assert error["name"] == "lms-key-changed"
    assert "--replace" in error["remedy"]
    assert not told(run, "signer", "status", board.path)["certified"]
    assert told(run, "signer", "generate", board.path, "--replace")["left"] == LEAVES - 1
    found = told(run, "signer", "status", board.path)
    assert found["generation"] == 2
    assert found["certified"]
    assert found["public"] == board.board.signer.public.hex() != first.hex()


@pytest.mark.parametrize("suffix", ["room", "signer"])
def test_no_leaf_is_spent_at_a_cable_on_a_proof_that_could_not_be_kept(run, board, home, suffix):
    told(run, "signer", "generate", board.path, "--begin")
    folder = home.path / "boards" / f"{board.board.device.hex()}.{suffix}"
    folder.unlink(missing_ok=True)
    folder.mkdir()
    assert told(run, "signer", "generate", board.path)["error"]["name"] == "signer-nodes-io"
    assert board.board.signer.signed == []
    folder.rmdir()
    assert told(run, "signer", "generate", board.path)["left"] == LEAVES - 1


def test_what_is_only_begun_is_left_to_the_bridge_and_the_next_lines_can_be_pasted(run, board):
    status, out, _ = run("signer", "generate", board.path, "--begin")
    assert status == 0
    device = board.board.device.hex()
    assert out.endswith(f"\nnext  qcot up --port {board.path}\nthen  qcot signer certify {device}\n")
    assert board.board.signer.phase is Phase.GENERATING


def test_a_key_that_is_half_made_signs_nothing_and_is_not_finished_unasked(run, board):
    told(run, "signer", "generate", board.path, "--begin")
    board.board.signer.next = 5
    error = told(run, "signer", "sign", board.path)["error"]
    assert error["name"] == "signer-unfinished"
    assert "5 of 32 leaves" in error["reason"]
    assert "qcot signer generate PORT" in error["remedy"]
    assert (board.board.signer.phase, board.board.signer.next) == (Phase.GENERATING, 5)


@pytest.mark.parametrize("what", ["generate", "status", "sign", "rebuild"])
def test_a_board_on_the_broker_is_the_bridge_s_and_the_remedy_knows_of_no_cable(run, board, what):
    error = told(run, "signer", what, "mqtt:bed-3")["error"]
    assert error["name"] == "served-by-bridge"
    assert "mqtt:bed-3" in error["reason"]
    assert "qcot boards" in error["remedy"]
    assert not {"port", "cable", "plug"} & set(re.findall("[a-z]+", error["remedy"].lower()))


def test_certifying_several_boards_prints_one_document(run, board, home):
    signer = SignerPeer()
    signer.generation = 7  # another key than the first board's
    with PtyBoard(Board(signer=signer)) as other:
        assert run("enroll", other.path)[0] == 0
        other.reset()
        for each in (board, other):
            told(run, "signer", "generate", each.path)
    found = told(run, "signer", "certify")["boards"]
    assert {each["device"] for each in found} == {board.board.device.hex(), other.board.device.hex()}
    assert all(each["certificate"] and each["left"] == LEAVES - 1 for each in found)
    (one,) = told(run, "signer", "certify", board.board.device.hex())["boards"]
    assert one["device"] == board.board.device.hex()


def test_a_board_that_is_refused_keeps_no_other_from_its_certificate(run, board, home):
    signer = SignerPeer()
    signer.generation = 7
    with PtyBoard(Board(signer=signer)) as other:
        assert run("enroll", other.path)[0] == 0
        other.reset()
        for each in (board, other):
            told(run, "signer", "generate", each.path)
        signer.next, signer.phase = LEAVES, Phase.EXHAUSTED
        told(run, "signer", "generate", other.path)  # the key after it, which nobody said may take its place
    found = told(run, "signer", "certify")
    (done,) = (each for each in found["boards"] if "certificate" in each)
    (refused,) = (each for each in found["boards"] if "error" in each)
    assert (done["device"], refused["device"]) == (board.board.device.hex(), other.board.device.hex())
    assert refused["error"] == found["error"]
    assert found["error"]["name"] == "lms-key-changed"
    status, out, err = run("signer", "certify")
    assert status == 1
    assert f"{board.board.device.hex()} has a key of its own" in out
    assert err.startswith("lms-key-changed: ")


def test_a_board_s_id_hands_the_work_to_the_bridge(run, board, home):
    device = board.board.device.hex()
    for what in ("sign", "generate"):
        status, out, _ = run("signer", what, device)
        assert status == 0
        assert "handed to the bridge" in out
        assert (signing.folder(home.path) / f"{device}.{what}").exists()


@pytest.mark.parametrize("what", ["generate", "status", "sign", "rebuild"])
def test_a_port_that_the_bridge_has_is_refused_by_the_usual_name(run, board, what):
    held = SerialPort(board.path)
    assert told(run, "signer", what, board.path)["error"]["name"] == "port-busy"
    held.close()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("signer", "sign", "PORT"), "signer-no-key"),
        (("signer", "rebuild", "PORT"), "signer-no-key"),
        (("signer", "certify"), "signer-no-key"),
        (("signer", "status", "0123456789abcdef"), "no-such-board"),
        (("signer", "sign", "0123456789abcdef"), "no-such-board"),
        (("signer", "certify", "x"), "no-such-board"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, tuple) else "",
)
def test_what_cannot_be_is_refused_by_name(run, board, words, name):
    assert told(run, *(board.path if each == "PORT" else each for each in words))["error"]["name"] == name


def test_a_firmware_that_does_not_sign_is_told_by_name(run, board):
    board.board.signer = None
    board.reset()
    assert told(run, "signer", "generate", board.path)["error"]["name"] == "signer-unknown"


class Terminal(io.StringIO):
    """Standard input as a person has it."""

    def isatty(self):
        return True


def test_where_the_authority_is_elsewhere_the_key_goes_with_a_request(run, board, home, monkeypatch):
    told(run, "signer", "generate", board.path, "--begin")
    (home.authority / "issued.sqlite").rename(home.authority / "away")
    status, out, _ = run("signer", "generate", board.path)
    assert status == 0
    assert "take it to the authority" in out
    request = home.request_file(f"boards/{board.board.device.hex()}")
    assert request.exists()
    (home.authority / "away").rename(home.authority / "issued.sqlite")
    assert run("authority", "window", "--for", "1m")[0] == 0
    answer = home.path / "answer"
    assert run("authority", "issue", request, "--out", answer)[0] == 0
    assert run("certificate", "install", answer)[0] == 0
    assert told(run, "signer", "status", board.path)["certified"]

    board.board.signer.next, board.board.signer.phase = LEAVES, Phase.EXHAUSTED
    (home.authority / "issued.sqlite").rename(home.authority / "away")
    assert run("signer", "generate", board.path, "--replace")[0] == 0  # which is not for who asks to say
    (home.authority / "away").rename(home.authority / "issued.sqlite")
    assert told(run, "authority", "issue", request, "--out", answer)["error"]["name"] == "lms-key-changed"
    old = certificate.parse(home.certificate(f"boards/{board.board.device.hex()}")).board.lms
    monkeypatch.setattr("sys.stdin", Terminal("n\ny\n"))
    for status in (1, 0):
        said = run("authority", "issue", request, "--out", answer, "--replace")
        assert said[0] == status
        assert f"with a key of its own, {board.board.signer.public.hex()}" in said[1].replace("\n", "")
        assert f"in the place of {old.hex()}" in said[1].replace("\n", "")
    assert run("certificate", "install", answer)[0] == 0
    assert told(run, "signer", "status", board.path)["certified"]


def test_the_state_on_disk_survives_being_damaged(run, board, home):
    told(run, "signer", "generate", board.path)
    (file,) = (home.path / "boards").glob("*.signer")
    for junk in (b"", b"{", b"[]", b"\xff", b'{"phase": 99}', file.read_bytes()[:-20]):
        file.write_bytes(junk)
        assert BoardRegistry(home.path).signer(board.board.device) is None
    assert run("boards")[0] == 0
    assert told(run, "signer", "status", board.path)["phase"] == "ready"
