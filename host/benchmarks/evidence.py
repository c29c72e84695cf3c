"""How large one reading's evidence is, how long its check takes, and proofs from a log of a million leaves."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from itertools import count, repeat
from pathlib import Path

from qcot.certificates.certificate import BoardClaims, Channel, Role
from qcot.crypto import merkle
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.database import transaction
from qcot.ledger import anchor, attachments, checkpoint, proving, qblock, report, schema, transactions
from qcot.ledger.case import Given
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.reader import Reader, write_authority
from qcot.ledger.transactions import FrameEntry
from qcot.ledger.trust import Trust
from qcot.link import chain, frames, keys, messages

from benchmarks.figure import Figure

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from trust_site import Authority

LEAVES = 1_000_000
PLACE = LEAVES // 2  # of the transaction; not at the right edge, where paths are shorter
PROOFS, CHECKS = 400, 100
SITE, ORIGIN, NOW = "bench", "qcot.local/bench", 1_790_000_000_000
DEVICE, DEVICE_KEY = b"\x01" * 8, b"\x02" * 32
BRIDGE, GATEWAY = SigningKey(ML_DSA_65, b"b" * 32), SigningKey(ML_DSA_44, b"g" * 32)
TOWER = SigningKey(ML_DSA_44, b"t" * 32)


def measure() -> list[Figure]:
    """Evidence of one reading of a transaction of 64 in a log of LEAVES leaves, and proofs from that log."""
    with tempfile.TemporaryDirectory() as folder:
        path, authority = Path(folder) / "ledger.sqlite", Authority(SITE)
        _write(path, authority)
        return [*_evidence(path, authority), *_proofs(path)]


def _evidence(path: Path, authority: Authority) -> list[Figure]:
    lms = bytes(60)
    channels = tuple(Channel(f"A{number}", "V", 5, 1024, 0) for number in range(6))
    board = BoardClaims(keys.commitment(DEVICE, DEVICE_KEY), "uno", b"\0\1\0", bytes(32), channels, lms)
    trust = Trust(authority.root, SITE, (
        authority.certificate, authority.bridge(BRIDGE), authority.issue(Role.BOARD, DEVICE.hex(), board=board),
        authority.gateway(GATEWAY, "gw", ORIGIN, cosigners=("tower",)), authority.witness(TOWER, "tower"),
    ))  # fmt: skip

    def made() -> bytes:
        with Reader.open(path) as ledger:
            return proving.for_reading(ledger, trust, DEVICE, 1, 40).encode()

    with Reader.open(path) as ledger:
        head = ledger.signed()
    assert head is not None
    whole = {"origin": head.origin, "size": head.size, "root": head.root}
    alone = made()
    line = checkpoint.cosign(TOWER, "tower", **whole, stamp=NOW // 1000)
    attachments.store_cosignatures(path, str(line), {"tower": VerifierKey("tower", TOWER.public_key)})
    witnessed = made()
    attachments.store_anchor(path, anchor.build(authority.root_key, **whole, time=NOW), authority.root)
    both = made()
    given = Given(authority.root)
    assert all(report.check(each, given).holds for each in (alone, witnessed, both))
    say = "with a witness beside the gateway {:,}, and with an anchor too {:,}"
    return [
        Figure(
            "evidence: one reading of a batch of 64, whole certificate chain, one cosigner (the gateway), "
            f"{LEAVES:,} leaves", len(alone), "bytes", "at most", 32 * 1024, say.format(len(witnessed), len(both)),
        ),
        Figure(
            "evidence checked, after imports; median", round(_median(lambda: report.check(alone, given), CHECKS), 1),
            "ms", "at most", 50, f"witness and anchor too {_median(lambda: report.check(both, given), CHECKS):.1f} ms",
        ),
    ]  # fmt: skip


def _proofs(path: Path) -> list[Figure]:
    chosen = random.Random(1)
    places = [chosen.randrange(LEAVES) for _ in range(PROOFS)]
    with Reader.open(path) as ledger:
        root = merkle.range_root(0, LEAVES, ledger.node)
        for place in places[:20]:
            path_up = merkle.inclusion_path(place, LEAVES, ledger.node)
            assert merkle.root_from_inclusion(ledger.node(0, place), place, LEAVES, path_up) == root
            begun = merkle.frontier(place + 1, ledger.node).root()
            assert merkle.is_consistent(
                place + 1, LEAVES, begun, root, merkle.consistency_path(place + 1, LEAVES, ledger.node)
            )
        inclusion = _timed(lambda at: merkle.inclusion_path(at, LEAVES, ledger.node), places)
        consistency = _timed(lambda at: merkle.consistency_path(at + 1, LEAVES, ledger.node), places)
    return [
        Figure(
            f"{what} proof from a log of {LEAVES:,} leaves on disk; median", round(statistics.median(took), 3), "ms",
            "at most", 2, f"slowest of {PROOFS} {max(took):.2f} ms",
        )
        for what, took in (("inclusion", inclusion), ("consistency", consistency))
    ]  # fmt: skip


def _write(path: Path, authority: Authority) -> None:
    """A ledger file whose leaves are random hashes, but for one transaction and its Qblock."""
    raw, link_before = _transaction()
    core = qblock.Core(7, bytes(32), PLACE + 1, bytes(32), PLACE, 1, NOW, "gw")
    earlier = [qblock.close(core, [], NOW - 9000, shots=1024, seed=1)] * 2  # so that its text is as long as any
    header = qblock.close(core, earlier, NOW - 9000, shots=1024, seed=1)
    hashes = [sha256(number.to_bytes(8, "big")).digest() for number in range(LEAVES)]
    hashes[PLACE], hashes[PLACE + 1] = merkle.leaf_hash(raw), merkle.leaf_hash(header.raw)
    with closing(schema.connect(path, writable=True)) as database:
        meta = {"site": SITE, "origin": ORIGIN, "authority": write_authority(authority.root)}
        schema.create_tables(database, meta)
        with transaction(database):
            for level, nodes in enumerate(_levels(hashes)):
                rows = zip(repeat(level), count(), nodes, strict=False)
                database.executemany("INSERT INTO node VALUES (?, ?, ?)", rows)
            leaves = ((PLACE, raw), (PLACE + 1, header.raw))
            database.executemany("INSERT INTO leaf VALUES (?, ?)", leaves)
            database.execute("INSERT INTO run VALUES (?, 1, 28, 14, ?, 2, ?)", (DEVICE, PLACE, link_before))
            database.execute("INSERT INTO qblock VALUES (7, ?)", (PLACE + 1,))
        with Reader.open(path) as ledger:
            root = merkle.range_root(0, LEAVES, ledger.node)
        text = checkpoint.sign(GATEWAY, ORIGIN, origin=ORIGIN, size=LEAVES, root=root, stamp=NOW // 1000)
        with transaction(database):
            database.execute("INSERT INTO checkpoint VALUES (?, ?)", (LEAVES, text))


def _transaction() -> tuple[bytes, bytes]:
    """A bridge's transaction of 64 readings, and the link before the third frame, that of the readings from 28 on."""
    link, mac, entries, before = chain.genesis(DEVICE, 1), frames.MacKey(bytes(32)), [], b""
    for first in range(0, 64, 14):
        before = link if first == 28 else before
        count_ = min(14, 64 - first)
        records = chain.pack([chain.Reading(i, 10 * i, i % 6, 500 + i) for i in range(first, first + count_)])
        link = chain.extend(link, first, records)
        message = messages.Readings(first, records, link)
        entries.append(FrameEntry(DEVICE, 1, NOW, frames.seal(message.TYPE, message.encode(), first + 1, mac)))
    raw = transactions.build(
        BRIDGE, site=SITE, bridge="bridge", sequence=12_345, time=NOW, entries=entries, policy="default"
    )
    return raw, before


def _levels(nodes: list[bytes]) -> Iterator[list[bytes]]:
    """The complete subtrees of each size, smallest first."""
    while nodes:
        yield nodes
        nodes = [merkle.node_hash(*nodes[at : at + 2]) for at in range(0, len(nodes) - 1, 2)]


def _timed(act: Callable[[int], object], places: list[int]) -> list[float]:
    took = []
    for place in places:
        begun = time.perf_counter()
        act(place)
        took.append(1000 * (time.perf_counter() - begun))
    return took


def _median(act: Callable[[], object], times: int) -> float:
    return statistics.median(_timed(lambda _: act(), list(range(times))))
