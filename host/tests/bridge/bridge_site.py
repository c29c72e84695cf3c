"""What stands around a bridge in its tests: a gateway that judges by the ledger's own rules, and a home with boards."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from pathlib import Path

from board_peer import Board, PtyBoard
from patience import PATIENCE_S
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.bridge.config import BridgeConfig, Broker
from qcot.bridge.intake import Limits
from qcot.certificates import certificate
from qcot.certificates.register import Register
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.ledger import receipts, rules, transactions
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.statements import Standing
from qcot.link import frames, messages
from qcot.mqtt import MqttLink, all_bridges, receipt_topic
from trust_site import Authority

SITE, BRIDGE = "home", "bridge"
BRIDGE_KEY = SigningKey(ML_DSA_65, bytes([1]) * 32)
GATEWAY_KEY = SigningKey(ML_DSA_44, bytes([2]) * 32)
AUTHORITY = Authority(SITE)
BRIDGE_CERTIFICATE = AUTHORITY.bridge(BRIDGE_KEY, BRIDGE)


class Ledger:
    """Accepted transactions and what their frames say, judged by qcot.ledger.rules.

    ``accepted`` are those with anything but statements, which are in ``statements``.
    """

    def __init__(self):
        self.devices = {}
        self.standing = Standing(Register(AUTHORITY.root, SITE))
        self.statements, self.everything = [], []
        self.next = 1
        self.ahead_s = 0  # of the clock
        self.hashes = {}
        self.accepted = []
        self.readings = defaultdict(list)
        self.opened = []
        self.leaves, self.links, self.signed = {}, {}, []

    def take(self, raw):
        parsed = transactions.parse(raw)
        known = [certificate.parse(each) for each in parsed.statements if b"certificate" in each[:60]]
        known += [found] if (found := self.standing.register.certificate(parsed.kid)) else []
        for each in known:
            if each.kid == parsed.kid:
                parsed.verify(each.key)
        state = rules.State(
            SITE, self.next, self.devices, self.standing, time.time_ns() // 1_000_000 + self.ahead_s * 1000,
            self.leaves, lambda *end: self.links.get(end),
        )  # fmt: skip
        match rules.judge(state, parsed, self.hashes.get(parsed.sequence)):
            case rules.Accept(devices=devices, standing=standing, signed=signed):
                self.devices.update(devices)
                self.leaves.update({each.key: each.leaf + 1 for each in signed})
                self.signed += signed
                self.standing = standing
                self.next = parsed.sequence + 1
                self.hashes[parsed.sequence] = parsed.hash
                self.everything.append(parsed)
                self.statements += parsed.statements
                if len(parsed.statements) < len(parsed.entries):
                    self.accepted.append(parsed)
                for entry in parsed.entries:
                    if isinstance(entry, transactions.FrameEntry):
                        self._keep(entry)
                return Answer(parsed.hash, parsed.sequence, Status.ACCEPTED, parsed.sequence, "", "")
            case rules.Duplicate():
                return Answer(parsed.hash, parsed.sequence, Status.ACCEPTED, parsed.sequence, "", "")
            case rules.Refuse(problem=problem, reason=reason):
                self.next = max(self.next, parsed.sequence + 1)
                return Answer(parsed.hash, parsed.sequence, Status.REFUSED, None, problem.name, reason)
            case rules.Later(problem=problem, reason=reason):
                return Answer(parsed.hash, parsed.sequence, Status.LATER, None, problem.name, reason)

    def _keep(self, entry):
        message = messages.decode(frames.parse(entry.frame))
        if isinstance(message, messages.Opened):
            self.opened.append((entry.device, entry.epoch))
        else:
            kept = self.readings[entry.device, entry.epoch]
            assert message.first == len(kept)
            self.links[entry.device, entry.epoch, message.end] = message.link
            kept += [(each.time, each.channel, each.value) for each in message.readings()]


class GatewayPeer:
    """A gateway on the broker, without Qblocks. ``answer`` may be replaced to answer otherwise, or with None."""

    def __init__(self, broker, ledger=None):
        self.ledger = ledger or Ledger()
        self.seen = []
        self.verdicts = []
        self.key = GATEWAY_KEY
        self.answer = self.ledger.take
        self.lock = threading.Lock()
        self._link = MqttLink(broker.host, broker.port, "test-gateway", back_off_s=(0.1, 0.3))
        self._link.subscribe(all_bridges(SITE, "tx"), self._take)
        self._link.start()
        assert self._link.wait_connected(PATIENCE_S)

    def _take(self, _topic, payload, ack):
        with self.lock:
            self.seen.append(payload)
            answer = self.answer(payload)
            if answer is not None:
                self.verdicts.append(answer)
                self.send([answer])
        ack()

    def send(self, answers, wanted=None, key=None):
        raw = receipts.build(
            key or self.key, site=SITE, bridge=BRIDGE, time=1, next_sequence=wanted or self.ledger.next, answers=answers
        )
        self._link.publish(receipt_topic(SITE, BRIDGE), raw)

    def readings(self, board, epoch=None):
        return self.ledger.readings[board.device, epoch or board.epoch]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._link.stop()


class Home:
    """A folder for a bridge, and the boards that it enrolled, each on a port with a name that stays."""

    def __init__(self, path: Path):
        self.path = path
        self.ports = path / "ports"
        self.ports.mkdir(parents=True)
        self.registry = BoardRegistry(path)
        self.boards = []
        self.certify("issuer", AUTHORITY.certificate)
        self.certify("bridge", BRIDGE_CERTIFICATE)

    def certify(self, name, raw):
        place = self.path / "certificates" / f"{name}.cert"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)

    def blank(self, name="a", **options):
        board = PtyBoard(Board(model=f"peer-{name}", **options), self.ports / name)
        self.boards.append(board)
        return board

    def board(self, name="a"):
        board = self.blank(name)
        self.enroll(board.path)
        board.reset()
        return board

    def enroll(self, port):
        """The board's device id, once it is enrolled and has its certificate."""
        device = enroll(port, self.registry, window=20).board.device
        self.certify_board(device)
        return device

    def certify_board(self, device, lms=None):
        self.certify(f"boards/{device.hex()}", AUTHORITY.board(device, self.registry.key(device), lms=lms))

    def config(self, broker, **options):
        values = {
            "site": SITE, "name": BRIDGE, "policy": "default", "home": self.path, "key": BRIDGE_KEY,
            "gateway": GATEWAY_KEY.public_key, "broker": Broker(broker.host, broker.port),
            "ports": (str(self.ports / "*"),), "limits": Limits(wait_s=0.05),
        }  # fmt: skip
        return BridgeConfig(**(values | {"listen_s": 0.0} | options))

    def close(self):
        for board in self.boards:
            board.__exit__()


def sample(board, count, channel=0):
    with board.lock:
        for _ in range(count):
            at = board.board.head
            board.board.sample(channel, (at * 37) % 1024, at * 10)


def view_of(bridge, name="a"):
    """What the bridge shows of the port ``name``, or None."""
    return next((each for each in bridge.snapshot().boards if Path(each.port).name == name), None)


def troubles(bridge):
    return {each.name for each in bridge.snapshot().troubles}
