"""How many messages a second each broker carries with nothing done to them: the ceiling of everything that uses it."""

import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from qcot.broker import EmbeddedBroker, Mosquitto
from qcot.mqtt import MqttLink, tx_topic

TRANSACTION_BYTES = 5_000
"""About what a transaction of 64 readings weighs, signature included."""


def carry(host: str, port: int, payloads: Sequence[bytes]) -> float:
    """Seconds for `payloads` at QoS 1 from one client to another, both acknowledging."""
    arrived = threading.Semaphore(0)
    receiver = MqttLink(host, port, "bench-receiver")
    sender = MqttLink(host, port, "bench-sender", max_queued=len(payloads), max_queued_bytes=1 << 40)
    receiver.subscribe(tx_topic("bench", "b"), lambda _topic, _payload, ack: (ack(), arrived.release()))
    for link in (receiver, sender):
        link.start()
        assert link.wait_connected(30)
    try:
        start = time.perf_counter()
        for payload in payloads:
            sender.publish(tx_topic("bench", "b"), payload)
        for _ in payloads:
            assert arrived.acquire(timeout=60)
        return time.perf_counter() - start
    finally:
        sender.stop(flush_s=0)
        receiver.stop(flush_s=0)


def measure(messages: int = 5000, size: int = TRANSACTION_BYTES) -> dict[str, float]:
    """Messages a second of `size` bytes through each broker."""
    with EmbeddedBroker() as embedded:
        amqtt_s = carry(embedded.host, embedded.port, [bytes(size)] * messages)
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder)) as mosquitto:
        mosquitto_s = carry(mosquitto.host, mosquitto.port, [bytes(size)] * messages)
    return {"amqtt_messages_s": messages / amqtt_s, "mosquitto_messages_s": messages / mosquitto_s, "bytes": size}


if __name__ == "__main__":
    print(measure())
