"""A board's own key: made while readings go on, kept through cuts, never used twice; pyhsslms judges what it signs."""

from __future__ import annotations

import time
from functools import partial

import pyhsslms.pyhsslms as library
import pytest
from conftest import RAMP
from prepared_key import prepared
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.enroll import enroll
from qcot.boards.nodes import KeyName, NodeStore
from qcot.bridge.making import KeyReady, Progress, Signed, Told
from qcot.bridge.signer import SignerDriver
from qcot.crypto.lms import checkpoint_message
from qcot.link.events import SawCheckpoint, SawLeaf, SawResult, SawSigner, SessionOpened
from qcot.link.messages import Code
from qcot.link.session import LISTEN
from qcot.link.signer import Phase
from qcot.link.transport import SerialPort

from host import Host


class SigningHost(Host):
    """A host that also sees to the board's own key."""

    def __init__(self, port, registry, log, listen):
        super().__init__(port, registry, log, listen)
        self.driver = None
        self.outcomes = []

    def step(self):
        events = super().step()
        for event in events:
            if isinstance(event, SessionOpened):
                if self.driver is None:
                    store = partial(NodeStore, self._registry.nodes)
                    self.driver = SignerDriver(event.opened.device, self.session, store)
                    self.driver.looks_only = True
                self.driver.start()  # anew in each session: a busy machine may let one end, and wishes outlive it
            elif self.driver is not None:
                self.outcomes += self.driver.take(event, time.monotonic())
        if self.driver is not None:
            self.outcomes += self.driver.tick(time.monotonic())
        return events

    def of(self, kind):
        return [each for each in self.outcomes if isinstance(each, kind)]

    def signer(self):
        """What the board says of its key now."""
        self.session.ask_signer()
        return self.next(SawSigner).signer

    def begin(self, *wishes):
        """Let the driver work, for a key or a signature."""
        self.driver.looks_only = False
        for wish in wishes:
            wish(self.driver)
        if not wishes:
            self.driver.start()

    def key(self):
        self.begin(SignerDriver.want_key)
        self.until(lambda: self.of(KeyReady), "the key")
        return self.of(KeyReady)[-1].public

    def sign(self):
        before = len(self.of(Signed))
        self.begin(SignerDriver.want_signature)
        self.until(lambda: len(self.of(Signed)) > before, "the signature")
        return self.of(Signed)[-1]


def holds(device, signed):
    proof = signed.proof
    message = checkpoint_message(device, proof.epoch, proof.seq, proof.link)
    return library.LmsPublicKey.deserialize(signed.public).verify(message, proof.signature)


class Bench:
    """One board in a folder, off and on again, and its EEPROM between."""

    def __init__(self, env, tmp_path, registry):
        self.env, self.folder, self.registry = env, tmp_path, registry
        self.board = self.host = None

    def start(self):
        self.board = EmulatedBoard.start(self.env, state_dir=self.folder / "board", signal=RAMP, real_time=False)
        return self.board

    def connect(self):
        listen = 0.0 if self.env == "native" else LISTEN
        self.host = SigningHost(SerialPort(self.board.port), self.registry, self.folder / "line.log", listen)
        self.host.until(lambda: self.host.driver is not None and self.host.driver.state, "the signer")
        return self.host

    def enrolled(self, **rates):
        """A board with an identity; gives its id."""
        self.start()
        self.device = enroll(self.board.port, self.registry, rates=rates).board.device
        return self.device

    def stop(self):
        if self.host is not None:
            self.host.close()
            self.host = None
        if self.board is not None:
            self.board.stop()
            self.board = None

    def prepare(self, progress, generation=1):
        """Another key into the EEPROM of the board, which is off then on; gives the key and a host."""
        signer = self.connect().signer()
        key = prepared(signer.lms, signer.ots)
        self.stop()
        key.write(self.folder / "board" / "eeprom.bin", progress(key.leaves), generation)
        self.start()
        return key, self.connect()


@pytest.fixture
def bench(env, tmp_path, registry):
    made = Bench(env, tmp_path, registry)
    yield made
    made.stop()


def fill(bench, key, host, generation=1):
    """The leaves of a prepared key, as a host that saw it made has them."""
    public = key.public
    store = NodeStore(bench.registry.nodes, KeyName(bench.device, public[:8], generation, public[8:24]))
    store._leaves = dict(enumerate(key.levels[0]))
    store._write_anew()  # at once: a thousand leaves are a thousand times on disk else
    host.driver.looks_only = False


@pytest.mark.keeps_running
def test_a_key_is_made_while_readings_go_on_and_signs_where_the_chain_stands(bench):
    device = bench.enrolled(A0=50.0)
    host = bench.connect()
    assert host.signer().phase is Phase.NONE
    public = host.key()
    assert [each.done for each in host.of(Progress)] == list(range(1, 33))
    host.until(lambda: len(host.values(0)) > 20, "readings")
    for leaf in range(3):
        signed = host.sign()
        assert holds(device, signed)
        assert signed.public == public
        assert int.from_bytes(signed.proof.signature[:4], "big") == leaf
        ends = {(took.position.epoch, took.position.seq): took.position.link for took in host.took}
        if signed.proof.seq:
            assert ends[signed.proof.epoch, signed.proof.seq] == signed.proof.link
    assert signed.proof.seq > 0
    assert host.of(Told) == []
    assert host.losses() == 0


@pytest.mark.cuts_power
def test_the_last_leaves_of_a_tree_make_the_root_that_hashlib_makes_of_the_seed(bench):
    device = bench.enrolled()
    key, host = bench.prepare(lambda leaves: leaves - 2)
    signer = host.signer()
    assert (signer.phase, signer.next) == (Phase.GENERATING, key.leaves - 2)
    for index in (key.leaves - 2, key.leaves - 1):
        host.session.want_leaf(index)
        assert host.next(SawLeaf).leaf.node == key.levels[0][index]
    signer = host.signer()
    assert (signer.phase, signer.next, signer.root) == (Phase.READY, 0, key.root)
    fill(bench, key, host)
    signed = host.sign()
    assert signed.public == key.public
    assert holds(device, signed)


@pytest.mark.cuts_power
def test_a_wrong_path_is_refused_and_burns_nothing(bench):
    device = bench.enrolled()
    key, host = bench.prepare(lambda leaves: leaves + 7)
    path = key.path(7)
    host.session.want_leaf(7)
    host.next(SawLeaf)
    for level, node in enumerate(path):
        host.session.path(7, level, bytes((node[0] ^ 1,)) + node[1:] if level == 2 else node)
        code = host.next(SawResult).code
        assert code is (Code.OK if level < len(path) - 1 else Code.WRONG_PATH)
    host.session.sign(7)
    assert host.next(SawResult).code is Code.WRONG_PATH
    host.session.sign(6)
    assert host.next(SawResult).code is Code.BAD_LEAF
    assert host.signer().next == 7
    fill(bench, key, host)
    signed = host.sign()
    assert holds(device, signed)
    assert int.from_bytes(signed.proof.signature[:4], "big") == 7


@pytest.mark.cuts_power
def test_a_tree_that_is_used_up_refuses_by_name_and_offers_another_key(bench):
    device = bench.enrolled()
    key, host = bench.prepare(lambda leaves: 2 * leaves - 1)
    fill(bench, key, host)
    assert holds(device, host.sign())
    host.until(lambda: host.of(Told), "the refusal")
    (told,) = host.of(Told)
    assert told.problem.name == "signer-exhausted"
    assert "qcot signer generate" in told.problem.remedy
    assert "certificate" in told.problem.remedy
    for command in (lambda: host.session.sign(key.leaves - 1), lambda: host.session.sign(0)):
        command()
        assert host.next(SawResult).code is Code.EXHAUSTED
    host.session.generate()
    assert host.next(SawResult).code is Code.OK
    signer = host.signer()
    assert (signer.phase, signer.generation) == (Phase.GENERATING, 2)
    assert signer.identifier != key.public[8:24]


@pytest.mark.cuts_power
def test_leaves_that_are_lost_here_are_had_from_the_board_again(bench):
    device = bench.enrolled()
    key, host = bench.prepare(lambda leaves: leaves)
    fill(bench, key, host)
    (file,) = bench.registry.nodes.glob("*.leaves")
    record = 4 + key.n + 4
    held = bytearray(file.read_bytes())
    held[-2 * record + 7] ^= 0x10
    file.write_bytes(held[:-3])  # one leaf damaged, the last cut in mid-write
    assert holds(device, host.sign())
    told = [each.problem.name for each in host.of(Told)]
    assert told == ["signer-nodes-damaged"]
    assert len(host.of(Progress)) == 2


@pytest.mark.cuts_power
def test_a_cut_while_a_key_is_made_goes_on_where_it_was(bench):
    device = bench.enrolled()
    key, host = bench.prepare(lambda leaves: leaves - 3)
    host.session.want_leaf(key.leaves - 3)
    host.next(SawLeaf)
    host.session.want_leaf(key.leaves - 2)
    host.until(lambda: True, "nothing")
    bench.stop()  # in the middle of a leaf
    bench.start()
    host = bench.connect()
    signer = host.signer()
    assert signer.phase is Phase.GENERATING
    assert signer.next in (key.leaves - 3, key.leaves - 2)
    fill(bench, key, host)
    host.begin()
    host.until(lambda: host.of(KeyReady), "the key")
    assert host.of(KeyReady)[0].public == key.public
    assert holds(device, host.sign())


@pytest.mark.cuts_power
def test_a_cut_in_a_signature_burns_its_leaf_and_the_next_one_signs(bench):
    device = bench.enrolled()
    key, host = bench.prepare(lambda leaves: leaves + 3)
    fill(bench, key, host)
    host.begin(SignerDriver.want_signature)
    host.next(SawCheckpoint)
    bench.stop()
    bench.start()
    host = bench.connect()
    assert host.signer().next == 4
    signed = host.sign()
    assert holds(device, signed)
    assert int.from_bytes(signed.proof.signature[:4], "big") == 4
