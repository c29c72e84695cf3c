"""What the channel costs: for one transaction, for one epoch, and on the whole way from boards to Qblocks."""

import secrets
import statistics
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from qcot.channel.level import LEVELS
from qcot.channel.opener import Opener, Unsealing
from qcot.channel.sealer import Rekey, Sealer, Sealing
from qcot.channel.secret import Names
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.mqtt import tx_topic

from benchmarks import end_to_end
from benchmarks.figure import Figure

sys.path.append(str(Path(__file__).parents[1] / "tests" / "gateway"))
from boards import Board, BridgeSide

READINGS = (14, 14, 14, 14, 8)
"""Frames of a transaction of 64 readings."""
MESSAGES, EPOCHS = 2000, 100
SECONDS = 30.0
"""Of each of the two runs of the whole way."""


class Ends:
    """Both ends in one process: what one gives, the other gets."""

    def __init__(self, level: str) -> None:
        gateway, bridge = SigningKey(ML_DSA_44, secrets.token_bytes(32)), SigningKey(ML_DSA_65, secrets.token_bytes(32))
        kem = LEVELS[level].kem
        # No epoch ends by itself, and no allowance for openings is met: the clock stands or goes as it is told.
        self.now = 0.0
        self.opener = Opener(
            "bench", "gw", Unsealing(kem), key=gateway, identity=lambda *_: bridge.public_key, clock=lambda: self.now
        )
        self.sealer = Sealer(
            Names("bench", "b1", "gw"), tx_topic("bench", "b1"), Sealing(kem, rekey=Rekey(seconds=1.0)),
            gateway=gateway.public_key, key=lambda: bridge, clock=lambda: self.now,
            changed=lambda: None, failed=lambda *_: None,
        )  # fmt: skip
        offer = self.opener.offer()
        assert offer is not None
        self.sealer.offered(offer)


def _us(times: list[float]) -> float:
    return 1e6 * statistics.median(times)


def messages(raws: list[bytes]) -> tuple[float, float, float]:
    """Medians in us: sealing one of ``raws``, opening it, and AES-256-GCM alone one way."""
    ends = Ends("ML-KEM-768")
    assert ends.sealer.ready()
    sealing, opening, alone = [], [], []
    cipher, nonce = AESGCM(bytes(32)), bytes(12)
    for raw in raws:
        begun = time.perf_counter()
        payloads = ends.sealer.seal(raw)
        sealed = time.perf_counter()
        for payload in payloads[:-1]:
            ends.opener.open("b1", payload)
        before = time.perf_counter()
        opened = ends.opener.open("b1", payloads[-1])
        after = time.perf_counter()
        cipher.encrypt(nonce, raw, b"")
        alone.append(time.perf_counter() - after)
        assert opened == raw
        sealing.append(sealed - begun)
        opening.append(after - before)
    return _us(sealing), _us(opening), _us(alone)


def epochs(level: str) -> tuple[float, float]:
    """Medians in us: what an epoch's beginning costs the bridge, and the gateway."""
    ends = Ends(level)
    bridge, gateway = [], []
    for _ in range(EPOCHS):
        ends.now += 1.0
        begun = time.perf_counter()
        assert ends.sealer.ready()
        ready = time.perf_counter()
        opening, _sealed = ends.sealer.seal(b"")
        before = time.perf_counter()
        ends.opener.open("b1", opening)
        gateway.append(time.perf_counter() - before)
        bridge.append(ready - begun)
    return _us(bridge), _us(gateway)


def transactions(count: int = MESSAGES) -> list[bytes]:
    """Signed transactions of 64 readings, or as many bytes of them, over and over."""
    bridge, board = BridgeSide(site="bench"), Board(1)
    made = [bridge.sign(*(board.entry(board.readings(each)) for each in READINGS)) for _ in range(16)]
    return [made[at % len(made)] for at in range(count)]


def measure(seconds: float = SECONDS) -> list[Figure]:
    """What a transaction, an epoch and the whole way cost with the channel on."""
    raws = transactions()
    seal, open_, alone = messages(raws)
    beside = f"AES-256-GCM alone, {len(raws[0]):,} bytes: {alone:.1f} us"
    figures = [
        Figure("channel: seal a transaction of 64 readings; median", round(seal, 1), "us", baseline=beside),
        Figure("channel: open it; median", round(open_, 1), "us", baseline=beside),
    ]
    for level in ("ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"):
        bridge, gateway = epochs(level)
        figures.append(
            Figure(
                f"channel: begin an epoch at the bridge, {level}; median",
                round(bridge / 1000, 2),
                "ms",
                baseline=f"at the gateway {gateway / 1000:.2f} ms; at most one in 65,536 transactions or an hour",
            )
        )
    return [*figures, whole_way(seconds)]


def whole_way(seconds: float = SECONDS) -> Figure:
    """CPU time of bridge and gateway for a reading, with the channel on against off."""
    off, on = (end_to_end.run(seconds, channel=channel) for channel in ("off", "ML-KEM-768"))
    cost = 100 * (on.cpu_us / off.cpu_us - 1)
    return Figure(
        "channel: its cost end to end, 100 boards x 100 Hz: CPU of bridge and gateway",
        round(cost, 1),
        "%",
        "at most",
        10,
        f"{on.cpu_us:.0f} us a reading with it, {off.cpu_us:.0f} without; p99 {on.percentile(0.99):.2f} s and "
        f"{off.percentile(0.99):.2f} s; lost {on.lost} and {off.lost}",
    )


if __name__ == "__main__":
    for each in measure():
        print(each.row())
