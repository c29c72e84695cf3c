"""What the tests of the gateway share: a bridge on the broker, and a gateway without one that is stepped by hand."""

import queue
import threading
import time
from contextlib import suppress
from hashlib import sha256

from patience import PATIENCE_S
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.gateway.books import Books
from qcot.gateway.inbox import Message
from qcot.gateway.worker import Worker
from qcot.ledger import receipts
from qcot.ledger.receipts import Status
from qcot.ledger.trust import Trust
from qcot.mqtt import MqttLink, receipt_topic, tx_topic
from trust_site import Authority

GATEWAY_KEY = SigningKey(ML_DSA_44, bytes(32))
AUTHORITY = Authority("home")
CHAIN = (AUTHORITY.certificate, AUTHORITY.gateway(GATEWAY_KEY, "gw", "qcot.local/home"))
TRUST = Trust(AUTHORITY.root, "home", CHAIN)


class Endpoint:
    """A bridge on the broker: sends bytes, and keeps the gateway's verified answers by transaction hash."""

    def __init__(self, broker, name, site="home"):
        self.link = MqttLink(broker.host, broker.port, f"test-{name}", back_off_s=(0.1, 0.5))
        self.site, self.name = site, name
        self.receipts = queue.Queue()
        self.link.subscribe(receipt_topic(site, name), self._receive)
        self.link.start()
        assert self.link.wait_connected(PATIENCE_S)

    def _receive(self, _topic, payload, ack):
        self.receipts.put(payload)
        ack()

    def send(self, raw):
        self.link.publish(tx_topic(self.site, self.name), raw)

    def receipt(self):
        receipt = receipts.parse(self.receipts.get(timeout=PATIENCE_S))
        receipt.verify(GATEWAY_KEY.public_key)
        assert (receipt.site, receipt.bridge) == (self.site, self.name)
        return receipt

    def answered_so_far(self):
        return [answer for _ in range(self.receipts.qsize()) for answer in self.receipt().answers]

    def answers(self, count):
        """The next `count` answers, in the order they came."""
        found = []
        while len(found) < count:
            found += self.receipt().answers
        assert len(found) == count
        return found

    def deliver(self, raws):
        """As a bridge does it: all in order, and again what was answered LATER or not at all. Answers in that order."""
        final = {}
        waiting = list(raws)
        end = time.monotonic() + PATIENCE_S
        while waiting:
            assert time.monotonic() < end, f"{len(waiting)} without a final answer"
            for raw in waiting:
                self.send(raw)
            with suppress(queue.Empty):
                while len(final) < len(raws):
                    receipt = receipts.parse(self.receipts.get(timeout=1))
                    receipt.verify(GATEWAY_KEY.public_key)
                    final |= {a.hash: a for a in receipt.answers if a.status is not Status.LATER}
            waiting = [raw for raw in raws if sha256(raw).digest() not in final]
        return [final[sha256(raw).digest()] for raw in raws]

    def ask(self, raw):
        self.send(raw)
        (answer,) = self.answers(1)
        return answer


class Desk:
    """The ledger's thread of a gateway, stepped by hand, with what it gave out; no broker."""

    def __init__(self, config):
        self.config = config
        self.sent, self.checkpoints, self.events, self.acked = [], [], [], []
        self.books = Books(config)
        self.woken = threading.Event()
        self.now = 1_700_000_000_000
        self.worker = Worker(config, self.books, self, wake=self.woken.set, clock=lambda: self.now)

    def receipt(self, bridge, raw):
        self.sent.append((bridge, raw))

    def checkpoint(self, text):
        self.checkpoints.append(text)

    def tell(self, event):
        self.events.append(event)

    def give(self, *messages, bridge="b1"):
        """Step once with these payloads; returns the answers given, in order."""
        before = len(self.sent)
        self.worker.step([Message(bridge, raw, lambda raw=raw: self.acked.append(raw)) for raw in messages], False)
        return [answer for _, raw in self.sent[before:] for answer in receipts.parse(raw).answers]

    def settle(self):
        """Close Qblocks until no transaction is open."""
        while self.books.ledger.unclosed or self.worker._closing is not None:
            self.worker.step([], True)
            assert self.worker._closing is None or self.woken.wait(PATIENCE_S)
            self.woken.clear()

    def stop(self):
        self.books.close()
