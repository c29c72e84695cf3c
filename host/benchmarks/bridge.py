"""What one bridge process takes: MAC, chain, clock, signing and a fsynced outbox, without the ports and the broker."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from qcot.bridge.clock import Clocks, sent_ms
from qcot.bridge.intake import Identity, Intake, Limits
from qcot.bridge.store import Store
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.link import chain, keys
from qcot.link.events import Resume, SawHello, SessionOpened, TookReadings
from qcot.link.frames import seal, wire
from qcot.link.messages import MAX_READINGS, Hello, Opened, Readings
from qcot.link.session import Session


def _board(frames: int) -> tuple[bytes, Session, list[bytes]]:
    """A session that stands, and the frames that its board will send."""
    device, key, nonce, host_nonce = os.urandom(8), os.urandom(32), os.urandom(16), os.urandom(16)
    mac, link, session = keys.session_key(key, nonce, host_nonce), chain.genesis(device, 1), Session()
    hello = Hello(1, device, 1, nonce, (1, 0, 0), bytes(32), 8, "bench")
    opened = Opened(device, 1, bytes(32), (1, 0, 0), 0, 0, link, 0)
    session.poll(0.0)
    for event in session.receive(b"\0" + wire(seal(Hello.TYPE, hello.encode())), 0.0):
        assert isinstance(event, SawHello)
        session.open(event.hello, key, Resume(), host_nonce)
    session.poll(1.0)
    (event,) = session.receive(wire(seal(Opened.TYPE, opened.encode(), 1, mac)), 1.0)
    assert isinstance(event, SessionOpened)
    out = []
    for number in range(frames):
        first = number * MAX_READINGS
        records = chain.pack(
            [chain.Reading(first + i, (first + i) * 10, i % 4, 200 + (i * 37) % 600) for i in range(MAX_READINGS)]
        )
        link = chain.extend(link, first, records)
        out.append(wire(seal(Readings.TYPE, Readings(first, records, link).encode(), number + 2, mac)))
    return device, session, out


def measure(boards: int = 100, frames: int = 60, folder: Path | None = None, backlog: int = 8) -> dict[str, float]:
    """Feed every frame of every board through session, store and signing, committing every 10 ms or so.

    ``backlog`` stands for the transactions that wait for receipts, which decides how large one grows.
    """
    made = [_board(frames) for _ in range(boards)]
    sessions = {device: session for device, session, _ in made}
    clocks, start_us = Clocks(), time.time_ns() // 1000

    def at_us(frame: int) -> int:
        """When a board that samples every 10 ms has filled it."""
        return start_us + (frame * MAX_READINGS + MAX_READINGS) * 10_000

    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        store = Store(Path(temporary) / "outbox.sqlite", "bench", "bench")
        identity = Identity("bench", "bench", "default", SigningKey(ML_DSA_65, bytes(32)))
        intake = Intake(store, identity, Limits(), clock=time.monotonic, wall=lambda: time.time_ns() // 1_000_000)
        readings = 0
        began = committed = time.perf_counter()
        for number in range(frames):
            for device, session, sent in made:
                for event in session.receive(sent[number], 2.0):
                    assert isinstance(event, TookReadings)
                    records, epoch = event.readings.records, event.position.epoch
                    clocks.observe(device, epoch, sent_ms(records), (at_us(number), at_us(number)))
                    said = clocks.of_frame(device, epoch, records, at_us(number) // 1000)
                    intake.take(device, event.raw, event.readings.count, event.position, said)
                    readings += event.readings.count
                if time.perf_counter() - committed >= 0.01:
                    for stored, position in intake.commit().items():
                        sessions[stored].acknowledge(position.epoch, position.seq)
                    while intake.due(backlog):
                        intake.seal()
                    committed = time.perf_counter()
        intake.commit()
        while intake.pending:
            intake.seal()
        seconds = time.perf_counter() - began
        assert readings == boards * frames * MAX_READINGS == sum(each.readings for each in store.outbox())
        sealed = intake.sealed
        store.close()
    return {"readings_per_s": readings / seconds, "readings": readings, "transactions": sealed, "seconds": seconds}


if __name__ == "__main__":
    print(measure())
