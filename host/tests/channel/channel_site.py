"""What the tests of the channel share: a bridge's end and a gateway's on a clock of their own, and keys given once."""

import os
import threading
import time
import uuid

from qcot.channel.opener import Opener, Opening
from qcot.channel.sealer import Rekey, Sealer, Sealing
from qcot.channel.secret import Names
from qcot.errors import QcotError
from qcot.kme.api import DeliveredKey
from qcot.kme.problems import EXHAUSTED, REFUSED

SITE, BRIDGE, GATEWAY = "home", "b1", "gw"
NAMES = Names(SITE, BRIDGE, GATEWAY)
TOPIC = "qcot/v1/home/b1/tx"
WAIT_S = 20.0


def until(condition, what="condition"):
    end = time.monotonic() + WAIT_S
    while not (result := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.002)
    return result


def problem_of(call, *arguments):
    try:
        call(*arguments)
    except QcotError as error:
        return error.problem.name
    return None


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
        assert self.gate.wait(WAIT_S)
        self.asked += 1
        if self.failure:
            raise self.failure
        key = self.waiting.pop((bridge, key_id), None)
        if key is None:
            raise QcotError(REFUSED, "HTTP 400: not found")
        return key


class Ends:
    """Both ends with one clock; ``told`` is what the bridge would tell a person."""

    def __init__(self, **rekey):
        self.now = 1000.0
        self.keys = Keys()
        self.told = []
        self.rekey = Rekey(**rekey)
        self.start_bridge()
        self.start_gateway()

    def start_bridge(self):
        self.sealer = Sealer(
            NAMES, TOPIC, Sealing(self.keys.take, self.rekey), clock=lambda: self.now,
            changed=lambda: None, failed=lambda problem, reason: self.told.append((problem.name, reason)),
        )  # fmt: skip

    def start_gateway(self):
        opening = Opening(self.keys.ask, lifetime_s=self.rekey.seconds, grace_s=60.0)
        self.opener = Opener(SITE, GATEWAY, opening, clock=lambda: self.now)

    def seal(self, plaintext=b"transaction"):
        until(self.sealer.ready, "a key at the bridge")
        return self.sealer.seal(plaintext)

    def open(self, sealed, bridge=BRIDGE):
        """What the gateway makes of it once it has asked for the key."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                return self.opener.open(bridge, sealed)
            except QcotError as error:
                if error.problem.name != "channel-key-wait":
                    raise
                assert time.monotonic() < end, "waited in vain for the key"
                time.sleep(0.002)

    def refusal(self, sealed, bridge=BRIDGE):
        """The name under which the gateway refuses it; None where it opens."""
        return problem_of(self.open, sealed, bridge)


NO_KEYS = QcotError(EXHAUSTED, "HTTP 503: no key is in store")
