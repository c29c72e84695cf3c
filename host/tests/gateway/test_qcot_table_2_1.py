"""QCoT Table 2.1: for each requirement the attack that it should stop, run against the live system and stopped."""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256

import board_peer
import pytest
from boards import Board, BridgeSide
from gateway_site import TRUST, Endpoint
from home_site import founded
from patience import until
from qcot.authority import registration
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.broker import Mosquitto
from qcot.custody.custodian import Custodian
from qcot.custody.identities import Identities
from qcot.custody.ledgers import LedgerFile
from qcot.custody.store import Store
from qcot.errors import QcotError
from qcot.gateway import Gateway
from qcot.gateway.limits import Limits, Rate
from qcot.ledger import transactions
from qcot.ledger.ahead import TRANSACTION_FIRST_BYTE
from qcot.ledger.reader import Reader
from qcot.ledger.receipts import Status
from qcot.ledger.transactions import FrameEntry, StatementEntry
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify
from qcot.link import frames, messages
from qcot.mqtt import MqttLink, all_bridges, channel_topic
from qcot.records import statements
from qcot.records.statements import Access
from qcot.services import make_bridge, make_gateway
from qcot.settings import as_toml, make_settings

READINGS = 20
WINDOW = 12
"""So many bytes in a row that come twice are no chance."""


@dataclass(frozen=True)
class Row:
    """A row of the table: what is required, how QCoT says it is met, and who tries what against it."""

    requirement: str
    framework: str
    attack: str
    run: Callable


class Live:
    """A broker, a gateway on it, and bridges; all of it runs."""

    def __init__(self, path, broker, config, stack):
        self.path, self.broker, self.config, self.stack = path, broker, config, stack

    def gateway(self, **options):
        gateway = Gateway(self.config(self.broker, **options))
        gateway.start()
        self.stack.callback(gateway.stop)
        until(lambda: gateway.snapshot().connected, "the broker")
        return gateway

    def endpoint(self, name):
        made = Endpoint(self.broker, name)
        self.stack.callback(made.link.stop, flush_s=0)
        return made

    def bridge(self, name, board, seed):
        """A bridge that is certified, with a board that it has enrolled; its link and its signing side."""
        link, side = self.endpoint(name), BridgeSide(name, seed=seed)
        assert link.ask(side.sign(board.enrolment())).status is Status.ACCEPTED
        return link, side

    def folder(self, name):
        (self.path / name).mkdir()
        return self.path / name

    def home(self, kem):
        made = WholeHome(self.path, kem)
        self.stack.callback(made.board.__exit__)
        return made

    def leaves(self):
        with Reader.open(self.path / "ledger.db") as reader:
            assert verify(reader, TRUST).holds
            return {sha256(raw).digest() for _, raw in reader.leaves()}


class WholeHome:
    """A home with an authority and an enrolled board; its bridge and its gateway may be on different brokers."""

    def __init__(self, path, kem):
        self.kem = kem
        self.home = founded(path / "home")
        self.board = board_peer.PtyBoard(board_peer.Board(), path / "port")
        enrolled = enroll(self.board.path, BoardRegistry(self.home.path), window=20)
        registration.register_board(self.home, enrolled.board, int(time.time()))
        self.board.reset()

    def start(self, live, make, broker, **options):
        values = {
            "broker": {"port": broker.port}, "gateway": {"interval_s": 1, "shots": 16},
            "bridge": {"wait_ms": 20, "readings": 8}, "channel": {"kem": self.kem},
        }  # fmt: skip
        self.home.settings_file.write_text(as_toml(make_settings(values, "the test")))
        daemon = make(self.home, **options)
        daemon.start()
        live.stack.callback(daemon.stop)
        return daemon

    def sample(self, count=READINGS):
        with self.board.lock:
            for _ in range(count):
                at = self.board.board.head
                self.board.board.sample(0, (at * 37) % 1024, at * 10)

    def stored(self, gateway):
        device = gateway.snapshot().devices.get(self.board.board.device)
        return device.next_seq if device else 0

    def frames(self):
        """All frames in the ledger, which verifies."""
        chain = tuple(self.home.issuers()), self.home.certificate("gateway")
        trust = Trust(self.home.root(), self.home.settings().site, (*chain[0], chain[1]))
        with Reader.open(self.home.ledger) as reader:
            assert verify(reader, trust).holds
            raws = [raw for _, raw in reader.leaves() if raw[0] == TRANSACTION_FIRST_BYTE]
        entries = [entry for raw in raws for entry in transactions.parse(raw).entries]
        return [entry.frame for entry in entries if isinstance(entry, FrameEntry)]


class Relay:
    """Between the bridge's broker and the gateway's: passes on, and flips a bit of what it ``alters``."""

    def __init__(self, live, near, far):
        self.alters = {"tx", "receipt", "channel"}
        self.altered = Counter()
        self.random = random.Random(1)
        self.near, self.far = (MqttLink(each.host, each.port, f"relay-{each.port}") for each in (near, far))
        self.pass_on("tx", self.near, all_bridges("home", "tx"), self.far)
        self.pass_on("receipt", self.far, all_bridges("home", "receipt"), self.near)
        self.pass_on("channel", self.far, channel_topic("home", "gateway"), self.near)
        for link in (self.near, self.far):
            link.start()
            live.stack.callback(link.stop, flush_s=0)
            assert link.wait_connected(30)

    def pass_on(self, kind, here, topics, there):
        def passed(topic, payload, ack):
            if kind in self.alters:
                changed = bytearray(payload)
                changed[self.random.randrange(len(changed))] ^= 1 << self.random.randrange(8)
                payload = bytes(changed)
                self.altered[kind] += 1
            there.publish(topic, payload, retain=kind == "channel")
            ack()

        here.subscribe(topics, passed)


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running


@pytest.fixture
def live(tmp_path, mosquitto, config, monkeypatch):
    monkeypatch.setattr("qcot.bridge.publisher.RECEIPT_TIMEOUT", (0.3, 1.0))
    with ExitStack() as stack:
        yield Live(tmp_path, mosquitto, config, stack)


def a_policy_that_is_not_the_bridges_own(live):
    live.gateway()
    board = Board()
    link, bridge = live.bridge("b1", board, seed=1)
    frame = board.readings()
    foreign = bridge.sign(board.entry(frame), policy="ward-2")
    answer = link.ask(foreign)
    assert (answer.status, answer.name) == (Status.LATER, "policy-foreign")  # a certificate could come that allows it
    own = bridge.sign(board.entry(frame), sequence=bridge.sequence)
    assert link.ask(own).status is Status.ACCEPTED
    assert link.ask(foreign).name == "sequence-reused"
    assert {sha256(own).digest()} == live.leaves() & {sha256(raw).digest() for raw in (own, foreign)}


def flood(live, limits, readings):
    """One bridge sends without end what its board makes; another sends in between, and is answered as ever."""
    live.gateway(limits=limits)
    boards = Board(1), Board(2)
    (loud, flooding), (quiet, calm) = (live.bridge(f"b{n}", board, n) for n, board in enumerate(boards, 1))
    sent = []
    for at in range(60):
        sent.append(flooding.sign(boards[0].entry(boards[0].readings(readings))))
        loud.send(sent[-1])
        if at % 10 == 0:
            assert quiet.ask(calm.sign(boards[1].entry(boards[1].readings(1)))).status is Status.ACCEPTED
    answers = loud.answers(len(sent))
    assert {(each.status, each.name) for each in answers} == {
        (Status.ACCEPTED, ""), (Status.LATER, "limit"), (Status.LATER, "sequence-ahead"),
    }  # fmt: skip
    taken = [each.hash for each in answers if each.status is Status.ACCEPTED]
    assert len(taken) < len(sent) / 2
    assert {sha256(raw).digest() for raw in sent} & live.leaves() == set(taken)


def a_device_that_samples_without_end(live):
    flood(live, Limits(device=Rate(per_s=0.01, burst=140)), readings=14)


def a_bridge_that_sends_without_end(live):
    flood(live, Limits(bridge=Rate(per_s=0.01, burst=15)), readings=1)


def a_stranger_who_sends_without_end(live):
    gateway = live.gateway(limits=Limits(unsigned_answers=Rate(per_s=0.01, burst=5)))
    board = Board()
    stranger = live.endpoint("b9")
    junk = [BridgeSide("b9", seed=9).sign(Board(9).entry(), sequence=2)] * 20 + [b"junk %d" % n for n in range(200)]
    for raw in junk:
        stranger.send(raw)
    link, bridge = live.bridge("b1", board, seed=1)
    assert link.ask(bridge.sign(board.entry())).status is Status.ACCEPTED
    until(lambda: sum(gateway.snapshot().refused.values()) >= len(junk), "the flood to be seen")
    assert len(stranger.answered_so_far()) <= 6
    assert not live.leaves() & {sha256(raw).digest() for raw in junk}


def windows(data):
    return {data[at : at + WINDOW] for at in range(len(data) - WINDOW + 1)}


def a_broker_that_reads(live):
    seen = []
    spy = MqttLink(live.broker.host, live.broker.port, "spy")
    spy.subscribe("#", lambda _topic, payload, ack: (seen.append(payload), ack()))
    spy.start()
    live.stack.callback(spy.stop, flush_s=0)
    assert spy.wait_connected(30)
    home = live.home("ML-KEM-768")
    gateway = home.start(live, make_gateway, live.broker)
    home.start(live, make_bridge, live.broker, ports=(home.board.path,))
    home.sample()
    until(lambda: home.stored(gateway) == READINGS, "every reading in the ledger")
    recorded = set().union(*map(windows, home.frames()))
    read = set().union(*map(windows, seen))
    assert len(recorded) > READINGS * messages.chain.RECORD_SIZE
    assert len(read) > len(recorded)
    assert not recorded & read


def an_altering_broker(live, kem, answered):
    home = live.home(kem)
    far = live.stack.enter_context(Mosquitto(live.folder("far")))
    relay = Relay(live, live.broker, far)
    gateway = home.start(live, make_gateway, far)
    bridge = home.start(live, make_bridge, live.broker, ports=(home.board.path,))
    home.sample()
    if kem != "off":
        until(lambda: relay.altered["channel"], "an altered offer")
        until(lambda: bridge.snapshot().outbox > 0, "the outbox to keep them")
        assert relay.altered["tx"] == 0  # to an altered offer the bridge sends nothing
        relay.alters.remove("channel")
        gateway.stop()
        gateway = home.start(live, make_gateway, far)
    until(lambda: relay.altered["tx"] > 3 and gateway.snapshot().refused, "altered transactions to be refused")
    assert gateway.snapshot().transactions == 0
    assert gateway.snapshot().refused.keys() <= answered
    relay.alters.clear()
    until(lambda: home.stored(gateway) == READINGS, "every reading in the ledger")
    until(lambda: bridge.snapshot().outbox == 0, "the outbox to be answered")
    relay.alters.add("receipt")
    home.sample()
    until(lambda: home.stored(gateway) == 2 * READINGS, "every reading in the ledger")
    before = relay.altered["receipt"]
    until(lambda: relay.altered["receipt"] > before + 2, "altered receipts")
    assert bridge.snapshot().outbox > 0  # no altered receipt makes it forget anything
    relay.alters.clear()
    until(lambda: bridge.snapshot().outbox == 0, "the outbox to be answered")
    assert bridge.snapshot().refused == 0
    taken = [messages.decode(frames.parse(each)) for each in home.frames()]
    readings = [reading for each in taken if isinstance(each, messages.Readings) for reading in each.readings()]
    assert [(each.seq, each.value) for each in readings] == [(at, (at * 37) % 1024) for at in range(2 * READINGS)]


def a_broker_that_alters_what_is_sealed(live):
    an_altering_broker(live, "ML-KEM-768", answered=FORGED | {"channel-forged", "channel-key-unknown"})


def a_broker_that_alters_what_is_signed(live):
    an_altering_broker(live, "off", answered=FORGED)


def an_access_that_leaves_no_trace(live):
    live.gateway()
    link, bridge = live.endpoint("b1"), BridgeSide("b1", seed=1)
    withheld = []

    def submit(statement):
        if not withheld:
            assert link.ask(bridge.sign(StatementEntry(statement))).status is Status.ACCEPTED

    file = LedgerFile(live.path / "ledger.db", TRUST, submit, lambda _: None)
    store = Store(live.path / "records.sqlite")
    live.stack.callback(store.close)
    identities = Identities(live.path / "identities")
    for name in ("ada", "doctor"):
        identities.create(name)
    custodian = Custodian(store=store, identities=identities, ledger=file)
    record = custodian.publish("ada", [("ecg.txt", b"sinus rhythm")], "text/plain")
    doctor = custodian.fresh("doctor")
    custodian.share(record, doctor.public, "treatment", None)
    withheld.append("what the reader sends")
    secretly = statements.build(doctor.key, Access(record, "treatment", bytes(16)), time.time_ns() // 1_000_000)
    for leaf in range(len(live.leaves())):
        with pytest.raises(QcotError, match="access-missing"):
            custodian.hand_over(sha256(secretly).digest(), leaf, doctor.public)
    impatient = Custodian(store=store, identities=identities, ledger=file, wait_s=0.1)
    with pytest.raises(QcotError, match="not-on-ledger-yet"):
        impatient.open(record, "doctor", "treatment")
    assert not [each for each in file.view().book.log(record) if isinstance(each.body, Access)]
    withheld.clear()
    assert custodian.open(record, "doctor", "treatment").items[0].content == b"sinus rhythm"
    (access,) = [each for each in file.view().book.log(record) if isinstance(each.body, Access)]
    assert (access.kid, access.body.purpose) == (doctor.kid, "treatment")


FORGED = {"bad-cbor", "bad-cose", "bad-signature", "bad-transaction", "certificate-unknown", "certificate-forged"}
LIMITED = "limited acceptable transactions"
TABLE = (
    Row("authorization", "policy header, shared keys", "a foreign policy id", a_policy_that_is_not_the_bridges_own),
    Row("availability", LIMITED, "a flood from one device", a_device_that_samples_without_end),
    Row("availability", LIMITED, "a flood from one bridge", a_bridge_that_sends_without_end),
    Row("availability", LIMITED, "a flood from a stranger", a_stranger_who_sends_without_end),
    Row("confidentiality", "symmetric encryption", "a reading broker", a_broker_that_reads),
    Row("integrity", "hashing", "an altering broker", a_broker_that_alters_what_is_sealed),
    Row("integrity", "hashing", "an altering broker, without the channel", a_broker_that_alters_what_is_signed),
    Row("user control", "logging transactions", "an access that leaves no trace", an_access_that_leaves_no_trace),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.requirement} ({row.framework}) stops {row.attack}")
def test_qcot_table_2_1(row, live):
    row.run(live)
