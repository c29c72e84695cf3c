"""What the channel costs: for one transaction, for one epoch, and on the whole way from boards to Qblocks."""

import secrets
import statistics
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from qcot.channel.level import KEMS
from qcot.channel.opener import Opener, Unsealing
from qcot.channel.sealer import Rekey, Sealer, Sealing
from qcot.channel.secret import Names
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.mqtt import tx_topic

from benchmarks import end_to_end, gateway
from benchmarks.figure import Figure
from benchmarks.gateway import READINGS, Board, BridgeSide

MESSAGES, EPOCHS, GROUPS = 2000, 100, 30
SECONDS = 20.0
"""Of each of the four runs of the whole way."""


class Ends:
    """Both ends in one process: what one gives, the other gets."""

    def __init__(self, level: str) -> None:
        signing, bridge = SigningKey(ML_DSA_44, secrets.token_bytes(32)), SigningKey(ML_DSA_65, secrets.token_bytes(32))
        kem = KEMS[level]
        # No epoch ends by itself, and no allowance for openings is met: the clock stands or goes as it is told.
        self.now = 0.0
        self.opener = Opener(
            "bench", "gw", Unsealing(kem), key=signing, identity=lambda *_: bridge.public_key, clock=lambda: self.now
        )
        self.sealer = Sealer(
            Names("bench", "b1", "gw"), tx_topic("bench", "b1"), Sealing(kem, rekey=Rekey(seconds=1.0)),
            gateway=signing.public_key, key=lambda: bridge, clock=lambda: self.now,
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
    at_bridge, at_gateway = [], []
    for _ in range(EPOCHS):
        ends.now += 1.0
        begun = time.perf_counter()
        assert ends.sealer.ready()
        ready = time.perf_counter()
        opening, _sealed = ends.sealer.seal(b"")
        before = time.perf_counter()
        ends.opener.open("b1", opening)
        at_gateway.append(time.perf_counter() - before)
        at_bridge.append(ready - begun)
    return _us(at_bridge), _us(at_gateway)


def transactions(count: int = MESSAGES) -> list[bytes]:
    """Signed transactions of 64 readings, or as many bytes of them, over and over."""
    bridge, board = BridgeSide(site="bench"), Board(1)
    made = [bridge.sign(*(board.entry(board.readings(each)) for each in READINGS)) for _ in range(16)]
    return [made[at % len(made)] for at in range(count)]


def measure(seconds: float = SECONDS) -> list[Figure]:
    """What a transaction, an epoch and the whole way cost with the channel on."""
    raws = transactions()
    seal, open_, alone = messages(raws)
    beside = f"AES-256-GCM alone, {len(raws[-1]):,} bytes: {alone:.1f} us"
    figures = [
        Figure("channel: seal a transaction of 64 readings; median", round(seal, 1), "us", baseline=beside),
        Figure("channel: open it; median", round(open_, 1), "us", baseline=beside),
    ]
    for level in KEMS:
        at_bridge, at_gateway = epochs(level)
        figures.append(
            Figure(
                f"channel: begin an epoch at the bridge, {level}; median",
                round(at_bridge / 1000, 2),
                "ms",
                baseline=f"at the gateway {at_gateway / 1000:.2f} ms; at most one in 65,536 transactions or an hour",
            )
        )
    return [*figures, path(), whole_way(seconds)]


def path(groups: int = GROUPS) -> Figure:
    """CPU time from signing to receipt without boards and broker, with the channel on against off, group by group."""
    costs: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder, gateway.one_core():
        sites = {}
        for sealed in costs:
            (place := Path(folder) / str(sealed)).mkdir()
            sites[sealed] = gateway.Site(place, sealed=sealed)
        for _ in range(groups):
            for sealed, site in sites.items():
                begun = time.process_time()
                site.step(site.seal(site.sign(gateway.GROUP)))
                costs[sealed].append(1e6 * (time.process_time() - begun) / gateway.GROUP)
        for site in sites.values():
            site.books.close()
    on, off = (statistics.median(costs[sealed]) for sealed in (True, False))
    return Figure(
        "channel: its cost from a bridge's signature to the gateway's receipt: CPU, no boards and no broker; median",
        round(100 * (on / off - 1), 1),
        "%",
        "at most",
        10,
        f"{on:.0f} us a transaction of 64 readings with it, {off:.0f} without; groups of each in turn, one core",
    )


def whole_way(seconds: float = SECONDS) -> Figure:
    """CPU time of bridge and gateway for a reading, with the channel on against off: two runs of each, A B B A."""
    runs: dict[str, list[end_to_end.Outcome]] = {"off": [], "ML-KEM-768": []}
    for channel in ("off", "ML-KEM-768", "ML-KEM-768", "off"):
        runs[channel].append(end_to_end.run(seconds, channel=channel))
    off, on = (statistics.mean(each.cpu_us for each in of) for of in runs.values())
    told = [
        f"{channel}: {' and '.join(f'{each.cpu_us:.0f}' for each in of)} us a reading, p99 "
        f"{max(each.percentile(0.99) for each in of):.2f} s, lost {sum(each.lost for each in of)}"
        for channel, of in runs.items()
    ]
    return Figure(
        "channel: its cost end to end, 100 boards x 100 Hz: CPU of bridge and gateway",
        round(100 * (on / off - 1), 1),
        "%",
        "at most",
        10,
        "; ".join(told),
    )


if __name__ == "__main__":
    for each in measure():
        print(each.row())
