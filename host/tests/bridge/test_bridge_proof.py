"""A key's proof costs a leaf: it is asked for where it can be kept, and once; what is over is not kept on."""

import pytest
from qcot.bridge.signer import REST_S
from qcot.bridge.signing import PortSigner, SigningDesk
from qcot.link.events import SessionOpened
from qcot.link.signer import Phase
from signer_peer import SignerPeer
from signer_site import DEVICE, Site


class Port(Site):
    """The signer of a port in the driver's place: what it asks of the board is its own affair."""

    def __init__(self, folder):
        self.certified, self.queued, self.troubles = None, [], []
        self.desk = SigningDesk(folder, 0, lambda _: self.certified, self.queued.append, self._trouble)
        super().__init__(folder, SignerPeer(Phase.READY))
        self.registry = self.desk.registry
        self.registry.nodes.mkdir()

    def _trouble(self, _where, problem, reason):
        self.troubles.append((problem.name, reason))

    def connect(self):
        super().connect()
        self.driver = _Signer(PortSigner(self.desk, "port"), self)

    def again(self):
        """Another session, until the board says how its key stands."""
        self.reset()
        self.until(lambda: self.driver.port.view)
        self.until(lambda end=self.now + 3: self.now > end)

    def sign(self):
        """Ask for a signature, and let what follows from it come."""
        before = len(self.signer.signed)
        assert self.driver.port.asked("sign")
        self.until(lambda: len(self.signer.signed) > before)
        self.until(lambda end=self.now + 3: self.now > end)

    def proof(self):
        state = self.registry.signer(DEVICE)
        return state.proof if state else None


class _Signer:
    """A port's signer as the site drives one."""

    def __init__(self, port, site):
        self.port, self.site = port, site

    def start(self):
        pass

    def take(self, event, now):
        if isinstance(event, SessionOpened):
            self.port.opened(self.site.session, event)
        self.port.take(event, now)
        return []

    def tick(self, now):
        self.port.tick(now)
        return []


@pytest.fixture
def port(tmp_path):
    return Port(tmp_path)


def in_the_way(port, suffix):
    """A folder where a file has to be written, which fails as on a full disk."""
    made = port.registry.nodes / f"{DEVICE.hex()}.{suffix}"
    made.mkdir()
    return made


def test_no_proof_is_asked_for_where_there_is_no_room_for_it(port):
    folder = in_the_way(port, "room")
    for _ in range(3):
        port.again()
    assert port.signer.signed == []
    assert {name for name, _ in port.troubles} == {"signer-nodes-io"}
    assert len(port.troubles) == 3
    folder.rmdir()
    port.until(port.proof, REST_S + 20)  # by itself, in the same session
    assert port.signer.signed == [0]
    assert [each.suffix for each in sorted(port.registry.nodes.iterdir())] == [".leaves", ".signer"]


def test_a_proof_that_could_not_be_written_is_tried_again_and_not_asked_for_again(port):
    folder = in_the_way(port, "signer")
    port.until(lambda: port.desk.unkept)
    for _ in range(3):
        port.again()
    port.until(lambda end=port.now + 2 * REST_S: port.now > end)
    assert port.signer.signed == [0]
    assert ("signer-uncertified", f"{DEVICE.hex()} has a key that its certificate lacks") not in port.troubles
    folder.rmdir()
    port.until(port.proof, REST_S + 20)
    assert port.signer.signed == [0]
    assert port.troubles[-1][0] == "signer-uncertified"
    port.again()
    assert port.signer.signed == [0]


def test_who_asks_for_a_signature_before_there_is_a_key_asks_for_no_proof_without_room(port):
    in_the_way(port, "room")
    port.signer.phase, port.signer.next = Phase.GENERATING, 30
    port.until(lambda: port.driver.port.view)
    assert port.driver.port.asked("sign")
    port.until(lambda: port.troubles)
    port.until(lambda end=port.now + 3: port.now > end)
    assert port.signer.signed == []


def test_leaves_of_keys_before_the_one_that_is_certified_are_removed(port):
    port.until(port.proof)
    old = port.signer.public
    port.certified = old
    port.again()
    port.signer._begin()
    port.signer.phase = Phase.READY
    port.again()
    port.until(lambda: len(port.signer.signed) == 1)
    port.until(lambda: (state := port.registry.signer(DEVICE)) and state.public != old and state.proof)

    def generations():
        return sorted(each.name.split(".")[1] for each in port.registry.nodes.glob("*.leaves"))

    assert generations() == ["1", "2"]
    port.driver.port.recheck()
    assert generations() == ["1", "2"]
    port.certified = port.signer.public
    port.driver.port.recheck()
    assert generations() == ["2"]


def test_what_is_signed_before_the_first_reading_is_not_for_the_ledger(port, monkeypatch):
    port.until(port.proof)
    port.certified = port.signer.public
    with monkeypatch.context() as quiet:
        quiet.setattr(port.board, "sample", lambda *_: None)
        port.again()
        port.sign()
        assert port.queued == []
    port.until(lambda before=port.taken: port.taken > before + 20)
    port.sign()
    (entry,) = port.queued
    assert entry.seq > 0
