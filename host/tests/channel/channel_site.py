"""What the tests of the channel share: both ends on a clock of their own, with real keys, and QKD keys given once."""

import os
import threading
import time
import uuid
from hashlib import sha256

from patience import PATIENCE_S, until
from qcot.channel.handshake import build_opening
from qcot.channel.level import LEVELS
from qcot.channel.opener import Opener, Unsealing
from qcot.channel.sealer import Rekey, Sealer, Sealing
from qcot.channel.secret import Names
from qcot.crypto.kem import KemPublicKey
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.errors import Problem, QcotError
from qcot.kme.api import DeliveredKey
from qcot.kme.problems import EXHAUSTED, REFUSED
from qcot.ledger.receipts import Answer, Status

SITE, BRIDGE, GATEWAY = "home", "b1", "gw"
NAMES = Names(SITE, BRIDGE, GATEWAY)
TOPIC = "qcot/v1/home/b1/tx"
START_MS = 1_700_000_000_000
GATEWAY_KEY = SigningKey(ML_DSA_44, bytes(32))
BRIDGE_KEY = SigningKey(ML_DSA_65, bytes(32))
OTHER_BRIDGE_KEY = SigningKey(ML_DSA_65, b"\1" * 32)
BRIDGES = {BRIDGE: BRIDGE_KEY.public_key, "b2": OTHER_BRIDGE_KEY.public_key}
NO_KEYS = QcotError(EXHAUSTED, "HTTP 503: no key is in store")
NOT_CERTIFIED = Problem("certificate-unknown", "Certify it.")


def problem_of(call, *arguments):
    try:
        call(*arguments)
    except QcotError as error:
        return error.problem.name
    return None


def identity(bridge, kid, _certificates):
    key = BRIDGES.get(bridge)
    if key is None or key.kid != kid:
        raise QcotError(NOT_CERTIFIED, f"{bridge} has no certificate for {kid.hex()}")
    return key


def later(raw, name, reason="because"):
    """The gateway's answer to these bytes."""
    return Answer(sha256(raw).digest(), 0, Status.LATER, None, name, reason)


def opening_of(to, key=BRIDGE_KEY, **changed):
    """What a bridge that does as it likes would answer to the offer ``to``."""
    _, ciphertext = KemPublicKey(to.level.kem, to.public_key).encapsulate()
    values = {
        "names": NAMES, "level": to.level, "offer": to.hash, "ciphertext": ciphertext, "epoch": 1,
        "key_id": uuid.uuid4() if to.level.qkd else None, "certificates": (),
    }  # fmt: skip
    return build_opening(key, **(values | changed))


class Keys:
    """A key server's rule in memory: each key once to each end. ``failure`` is raised in place of an answer."""

    def __init__(self):
        self.waiting = {}
        self.failure = None
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()

    def take(self):
        self.asked += 1
        if self.failure:
            raise self.failure
        key = DeliveredKey(uuid.uuid4(), os.urandom(32))
        self.waiting[BRIDGE, key.id] = key
        return key

    def ask(self, bridge, key_id):
        assert self.gate.wait(PATIENCE_S)
        self.asked += 1
        if self.failure:
            raise self.failure
        key = self.waiting.pop((bridge, key_id), None)
        if key is None:
            raise QcotError(REFUSED, "HTTP 400: not found")
        return key


class Ends:
    """Both ends with one clock, and a broker between them that delivers what :meth:`send` and :meth:`offer` are told.

    ``told`` is what the bridge would tell a person.
    """

    def __init__(self, level="ML-KEM-768", at_gateway=None, renew_s=3600.0, **rekey):
        self.level, self.at_gateway = LEVELS[level], LEVELS[at_gateway or level]
        self.now, self.bridge_ahead_ms = 1000.0, 0
        self.keys = Keys()
        self.told = []
        self.renew_s, self.rekey = renew_s, Rekey(**rekey)
        self.start_bridge()
        self.start_gateway()

    def start_bridge(self):
        sealing = Sealing(self.level.kem, self.keys.take if self.level.qkd else None, self.rekey)
        self.sealer = Sealer(
            NAMES, TOPIC, sealing, gateway=GATEWAY_KEY.public_key, key=lambda: BRIDGE_KEY,
            clock=lambda: self.now, wall=lambda: self.wall() + self.bridge_ahead_ms,
            changed=lambda: None, failed=lambda problem, reason: self.told.append((problem.name, reason)),
        )  # fmt: skip

    def start_gateway(self):
        ask = self.keys.ask if self.at_gateway.qkd else None
        unsealing = Unsealing(self.at_gateway.kem, ask, self.renew_s, self.rekey.seconds, grace_s=60.0)
        self.opener = Opener(
            SITE, GATEWAY, unsealing, key=GATEWAY_KEY, identity=identity, clock=lambda: self.now, wall=self.wall
        )

    def wall(self):
        return START_MS + round(1000 * self.now)

    def offer(self):
        """Give the bridge what the gateway publishes now; returns those bytes, None where nothing is due."""
        raw = self.opener.offer()
        if raw is not None:
            self.sealer.offered(raw)
        return raw

    def pair(self, plaintext=b"transaction"):
        """What the bridge sends for ``plaintext``: opening (or nothing) and sealed message."""
        self.offer()
        until(self.sealer.ready, "a key at the bridge")
        *opening, sealed = self.sealer.seal(plaintext)
        return (opening[0] if opening else None), sealed

    def send(self, plaintext=b"transaction"):
        """Seal, and have the gateway take the opening; returns the sealed message, which is still on its way."""
        opening, sealed = self.pair(plaintext)
        if opening is not None:
            assert self.opener.open(BRIDGE, opening) is None
        return sealed

    def open(self, raw, bridge=BRIDGE):
        """What the gateway makes of it once it has asked for the QKD key."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.opener.open(bridge, raw)
            except QcotError as error:
                if error.problem.name != "channel-key-wait":
                    raise
                assert time.monotonic() < end, "waited in vain for the key"
                time.sleep(0.002)

    def refusal(self, raw, bridge=BRIDGE):
        """The name under which the gateway refuses it; None where it opens, or was taken."""
        return problem_of(self.open, raw, bridge)
