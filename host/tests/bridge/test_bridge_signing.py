"""A bridge and a board that signs: the key in the background, its certificate, checkpoints on the ledger."""

from types import SimpleNamespace

import pyhsslms.pyhsslms as library
import pytest
from bridge_site import sample, troubles, view_of
from patience import until
from qcot.boards.nodes import KeyProof
from qcot.bridge import signing
from qcot.crypto.lms import checkpoint_message
from qcot.link.signer import Phase
from signer_peer import LEAVES, SignerPeer


@pytest.fixture
def site(home, mosquitto, gateway, running):
    """An enrolled board that signs, and a way to start a bridge for it."""
    board = home.board("a")
    board.board.signer = SignerPeer()

    def start(every=100):
        return running(home.config(mosquitto, checkpoint_every=every))

    return SimpleNamespace(home=home, board=board, peer=board.board, gateway=gateway, start=start)


def phase_of(bridge):
    view = view_of(bridge)
    return view.signer.phase if view and view.signer else None


def proven(site):
    """The board's key and the proof for its certificate, once they are on disk."""

    def found():
        state = site.home.registry.signer(site.peer.device)
        return state if state is not None and state.proof is not None else None

    return until(found, "the proof")


def holds(device, public, proof: KeyProof):
    message = checkpoint_message(device, proof.epoch, proof.seq, proof.link)
    return library.LmsPublicKey.deserialize(public).verify(message, proof.signature)


def entries(site):
    return [
        entry
        for each in site.gateway.ledger.accepted
        for entry in each.entries
        if type(entry).__name__ == "CheckpointEntry"
    ]


def certify(site, public):
    """A certificate with the board's key, once it is on the ledger."""
    site.home.certify_board(site.peer.device, lms=public)
    raw = (site.home.path / "certificates" / "boards" / f"{site.peer.device.hex()}.cert").read_bytes()
    until(lambda: raw in site.gateway.ledger.statements, "the certificate")


def certified(site):
    """A bridge that runs, and the board's key in its certificate."""
    bridge = site.start()
    until(lambda: phase_of(bridge) == "none", "the signer")
    signing.request(site.home.path, site.peer.device, "generate")
    state = proven(site)
    certify(site, state.public)
    return bridge, state


def test_a_key_is_made_on_request_and_proves_itself_for_its_certificate(site):
    bridge = site.start()
    until(lambda: phase_of(bridge) == "none", "the signer")
    signing.request(site.home.path, site.peer.device, "generate")
    sample(site.board, 50)
    state = proven(site)
    assert state.public == site.peer.signer.public
    assert holds(site.peer.device, state.public, state.proof)
    assert site.peer.signer.signed == [0]
    assert not list(signing.folder(site.home.path).iterdir())
    until(lambda: "signer-uncertified" in troubles(bridge), "the word that it wants a certificate")
    assert "31 signatures left, not certified" in until(lambda: view_of(bridge).signer.words, "the view")
    until(lambda: site.peer.base == site.peer.head, "the readings")
    assert entries(site) == []


def test_a_certified_board_signs_every_so_many_readings_and_the_ledger_takes_it(site):
    bridge, state = certified(site)
    for count in (1, 2):
        sample(site.board, 120)
        until(lambda count=count: len(entries(site)) == count, "the checkpoint")
    assert len(site.gateway.ledger.signed) == 2
    for entry in entries(site):
        proof = KeyProof(entry.epoch, entry.seq, entry.link, entry.signature)
        assert holds(site.peer.device, state.public, proof)
        assert entry.link == site.peer.links[entry.seq]
    assert site.peer.signer.signed == [0, 1, 2]
    until(lambda: view_of(bridge).signer.words == "29 signatures left", "the view")
    assert bridge.snapshot().refused == 0


def test_it_signs_when_a_person_asks_and_not_without_a_certificate(site):
    bridge = site.start(every=0)
    until(lambda: phase_of(bridge) == "none", "the signer")
    signing.request(site.home.path, site.peer.device, "generate")
    state = proven(site)
    signing.request(site.home.path, site.peer.device, "sign")
    until(lambda: not list(signing.folder(site.home.path).iterdir()), "the request")
    certify(site, state.public)
    sample(site.board, 30)
    until(lambda: site.peer.base == 30, "the readings")
    assert entries(site) == []
    signing.request(site.home.path, site.peer.device, "sign")
    until(lambda: entries(site), "the checkpoint")
    assert entries(site)[0].seq == 30


def test_a_tree_that_is_used_up_is_told_by_name_and_the_next_key_wants_a_certificate(site):
    bridge, _ = certified(site)
    site.peer.signer.next = LEAVES - 1
    site.board.reset()
    until(lambda: view_of(bridge).signer and view_of(bridge).signer.done == LEAVES - 1, "the board again")
    sample(site.board, 120)
    until(lambda: "signer-exhausted" in troubles(bridge), "the trouble")
    until(lambda: len(entries(site)) == 1, "the last checkpoint")
    sample(site.board, 300)
    until(lambda: site.peer.base == site.peer.head, "the readings, which go on")
    told = next(each for each in bridge.snapshot().troubles if each.name == "signer-exhausted")
    assert told.times == 1
    assert "certificate" in told.remedy
    signing.request(site.home.path, site.peer.device, "generate")
    until(lambda: site.peer.signer.generation == 2 and site.peer.signer.phase is Phase.READY, "another key")
    public = site.peer.signer.public
    until(lambda: (s := site.home.registry.signer(site.peer.device)) and s.public == public and s.proof, "its proof")
    certify(site, public)
    sample(site.board, 120)
    until(lambda: len(entries(site)) == 2, "a checkpoint of the next key")


def test_a_firmware_without_a_signer_is_asked_nothing(site):
    site.board.board.signer = None
    bridge = site.start(every=1)
    sample(site.board, 50)
    until(lambda: site.peer.base == 50, "the readings")
    assert view_of(bridge).signer is None
    assert troubles(bridge) == set()


def test_what_lies_among_the_requests_and_is_none_is_left_alone(site):
    place = signing.folder(site.home.path)
    place.mkdir(parents=True)
    for name in ("x", "0102.sign", "00" * 8 + ".erase", "zz" * 8 + ".sign", "00" * 8 + ".sign"):
        (place / name).touch()
    bridge = site.start()
    until(lambda: phase_of(bridge) == "none", "the signer")
    assert len(list(place.iterdir())) == 5


def test_a_request_that_cannot_be_taken_away_is_told_and_uses_up_no_leaf(tmp_path):
    device, asked, told = bytes(8), [], []
    port = SimpleNamespace(recheck=lambda: None, asked=lambda what: asked.append(what) or True)
    desk = signing.SigningDesk(tmp_path, 0, lambda _: None, asked.append, lambda *trouble: told.append(trouble[1].name))
    signing.request(tmp_path, device, "sign")
    assert (list(desk.look({device: port})), list(desk.look({device: port})), asked) == ([port], [], ["sign"])
    (signing.folder(tmp_path) / f"{device.hex()}.sign").mkdir()
    assert list(desk.look({device: port})) == []
    assert (asked, told) == (["sign"], ["signer-nodes-io"])


@pytest.mark.parametrize("name", ["{}.sign.part", "{}.signed", "{}.sign\n", "{}.generate~", "0{}.sign", " {}.sign"])
def test_only_a_whole_name_is_a_request(tmp_path, name):
    device, asked = bytes(8), []
    port = SimpleNamespace(recheck=lambda: None, asked=asked.append)
    desk = signing.SigningDesk(tmp_path, 0, lambda _: None, print, print)
    signing.folder(tmp_path).mkdir(parents=True)
    file = signing.folder(tmp_path) / name.format(device.hex())
    file.touch()
    assert list(desk.look({device: port})) == []
    assert asked == []
    assert file.exists()


def test_a_request_that_its_board_cannot_hear_yet_waits(tmp_path):
    device, hears = bytes(8), [False, True]
    port = SimpleNamespace(recheck=lambda: None, asked=lambda what: hears.pop(0))
    desk = signing.SigningDesk(tmp_path, 0, lambda _: None, print, print)
    signing.request(tmp_path, device, "generate")
    assert [list(desk.look({device: port})) for _ in range(3)] == [[], [port], []]
