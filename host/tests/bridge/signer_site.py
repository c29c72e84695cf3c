"""A board that signs, a line and a driver, with a clock that the test moves; pyhsslms says what a signature is."""

import os

import pyhsslms.pyhsslms as library
from board_peer import Board
from qcot.boards.nodes import NodeStore
from qcot.bridge.making import KeyReady, Signed, Told
from qcot.bridge.signer import SignerDriver
from qcot.crypto.lms import checkpoint_message
from qcot.link.events import Event, Resume, SawHello, SessionOpened, TookReadings
from qcot.link.frames import FrameDecoder
from qcot.link.session import Session
from signer_peer import SignerPeer

DEVICE = bytes.fromhex("0102030405060708")


class Site:
    """A board that signs, a line that can be bent, and a driver; readings go on all the while."""

    def __init__(self, folder, signer=None):
        self.folder = folder
        self.signer = signer or SignerPeer()
        self.board = Board(device=DEVICE, key=os.urandom(32), signer=self.signer)
        self.disk = Resume()
        self.now = 0.0
        self.taken = self.steps = 0
        self.outcomes = []
        self.to_host = lambda frame: True
        self.connect()

    def connect(self):
        self.session = Session(listen=0.0)
        self.driver = SignerDriver(DEVICE, self.session, lambda name: NodeStore(self.folder, name))

    def reset(self):
        self.board.boot()
        self.disk = Resume()
        self.connect()

    def step(self):
        self.now += 0.02
        self.steps += 1
        if self.board.mac and self.steps % 5 == 0:
            self.board.sample(0, 1, round(self.now * 1000))
        said = FrameDecoder().feed(b"\0" + self.board.say(self.now))
        events: list[Event] = []
        for frame in said:
            if self.to_host(frame):
                for event in self.session.take([frame], self.now):
                    self.hear(event)
        self.board.hear(self.session.poll(self.now, events))
        for event in events:
            self.hear(event)
        self.outcomes += self.driver.tick(self.now)

    def hear(self, event):
        match event:
            case SawHello(hello=hello):
                self.session.open(hello, self.board.key, self.disk, os.urandom(16))
            case SessionOpened(position=position):
                self.disk = position
                self.driver.start()
            case TookReadings(position=position):
                self.taken += event.readings.count
                self.disk = position
                self.session.acknowledge(position.epoch, position.seq)
        self.outcomes += self.driver.take(event, self.now)

    def until(self, condition, seconds=200.0):
        end = self.now + seconds
        while not condition():
            assert self.now < end, self.outcomes[-5:]
            self.step()

    def of(self, kind):
        return [each for each in self.outcomes if isinstance(each, kind)]

    def told(self):
        return [each.problem.name for each in self.of(Told)]

    def make_key(self):
        self.driver.want_key()
        self.until(lambda: self.of(KeyReady))
        return self.of(KeyReady)[-1].public

    def sign(self):
        before = len(self.of(Signed))
        self.driver.want_signature()
        self.until(lambda: len(self.of(Signed)) > before)
        return self.of(Signed)[-1]


def holds(signed: Signed) -> bool:
    proof = signed.proof
    message = checkpoint_message(DEVICE, proof.epoch, proof.seq, proof.link)
    return library.LmsPublicKey.deserialize(signed.public).verify(message, proof.signature)
