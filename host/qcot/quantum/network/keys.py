"""Keys for every pair of members, made over the links' loss and noise, and kept at both ends until they are burnt.

Each pair has two stocks, one for each direction of validation, so that who asks never names a key that the other end
has burnt by asking, too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from qcot.quantum.network.wire import QUBIT_NS, Steps, Wire
from qcot.quantum.qkd import Key, LinkParameters, MemoryKeys
from qcot.quantum.qkd.problems import ERROR_RATE

if TYPE_CHECKING:
    from qcot.quantum.network.faults import Fault
    from qcot.quantum.network.journal import Journal, Streams
    from qcot.quantum.network.topology import Pair, Path
    from qcot.quantum.qkd import Distribution

FIRST_PHOTONS = 40_000
"""That arrive in the first try: some thousand sifted bits, below which finite keys are short or none."""
MAX_LOSS_DB = 1000.0
LEAST_TRANSMITTANCE = 1e-9
TRIES = 3
"""Each twice as long as the one before."""
MAX_PHOTONS = 4_000_000
SIFTING_TRIPS = 10
"""Messages of a key distribution, one after the other: bases, samples, parities, hash (counted as time only)."""


@dataclass(frozen=True)
class PairKeys:
    """How two members came by their keys. ``wanted`` and ``made`` count keys of 32 bytes; ``why`` says why none.

    ``qber`` is the last run's.
    """

    ends: Pair
    photons: int
    sifted: int
    qber: float | None
    wanted: int
    made: int
    why: str


class GuessedKeys:
    """The key source of one who has none: whatever it is asked for, it makes up."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    def take(self) -> Key:
        """A made-up key."""
        return Key(uuid.UUID(bytes=self._random.bytes(16), version=4), self._random.bytes(32))

    def take_by_id(self, key_id: uuid.UUID, /) -> Key:
        """A made-up secret under the id that was asked for."""
        return Key(key_id, self._random.bytes(32))


class KeyRing:
    """All keys of all members. ``wanted`` says how many validations of (verifier, prover) the run may need."""

    def __init__(self, wanted: Mapping[Pair, int]) -> None:
        self._wanted = wanted
        self._verifying: dict[Pair, MemoryKeys] = {}
        self._proving: dict[Pair, MemoryKeys] = {}
        self.pairs: list[PairKeys] = []

    def verifying(self, verifier: str, prover: str) -> MemoryKeys:
        """The verifier's own stock for validating ``prover``."""
        return self._verifying.setdefault((verifier, prover), MemoryKeys())

    def proving(self, verifier: str, prover: str) -> MemoryKeys:
        """The prover's own stock for being validated by ``verifier``."""
        return self._proving.setdefault((verifier, prover), MemoryKeys())

    def left(self) -> int:
        """Keys that no verifier used."""
        return sum(stock.available() for stock in self._verifying.values())

    def distribute(self, wire: Wire, journal: Journal, streams: Streams, fault: Fault | None) -> Steps:
        """Make keys for all pairs at once; takes as long as the slowest."""
        done: list[tuple[int, PairKeys]] = []
        for ends in combinations(wire.topology.members, 2):
            path = wire.path("quantum", *ends)
            if path is None:
                done.append((0, PairKeys(ends, 0, 0, None, self._need(ends), 0, "no quantum path")))
                continue
            tapped = fault is not None and fault.taps_keys and on(fault.link, path)
            made = self._make(ends, path, streams, tapped)
            done.append((made.photons * QUBIT_NS + SIFTING_TRIPS * path.delay_ns, made))
        self.pairs += [made for _, made in done]
        for at_ns, made in sorted(done, key=lambda each: each[0]):
            yield wire.env.timeout(at_ns - wire.env.now)
            journal.note(
                made.ends[0], "keys" if made.made else "no keys", peer=made.ends[1], photons=made.photons,
                sifted=made.sifted, qber=made.qber, keys=made.made, why=made.why,
            )  # fmt: skip

    def _need(self, ends: Pair) -> int:
        return self._wanted.get(ends, 0) + self._wanted.get(ends[::-1], 0)

    def _make(self, ends: Pair, path: Path, streams: Streams, tapped: bool) -> PairKeys:
        from qcot.quantum.qkd import distribute

        need = self._need(ends)
        runs: list[Distribution] = []
        photons = int(FIRST_PHOTONS / max(path.transmittance, LEAST_TRANSMITTANCE))
        link = link_of(path, tapped)
        while len(runs) < TRIES and sum(len(run.keys) for run in runs) < need:
            runs.append(distribute("bb84", min(photons << len(runs), MAX_PHOTONS), link, streams.seed("keys")))
            if runs[-1].problem is ERROR_RATE:  # trying again would only show the listener more
                break
        secrets = [secret for run in runs for secret in run.keys][:need]
        self._share(ends, secrets, streams.random("keys"))
        sent, sifted = sum(run.sent for run in runs), sum(run.sifted for run in runs)
        return PairKeys(ends, sent, sifted, runs[-1].qber, need, len(secrets), "" if secrets else runs[-1].reason)

    def _share(self, ends: Pair, secrets: list[bytes], random: np.random.Generator) -> None:
        """The same keys to both ends, first for one direction of validation and then for the other."""
        keys = [Key(uuid.UUID(bytes=random.bytes(16), version=4), secret) for secret in secrets]
        half = len(keys) * self._wanted.get(ends, 0) // max(1, self._need(ends))
        for (verifier, prover), own in ((ends, keys[:half]), (ends[::-1], keys[half:])):
            self.verifying(verifier, prover).add(own)
            self.proving(verifier, prover).add(own)


def link_of(path: Path, tapped: bool) -> LinkParameters:
    """The path as one link: of its loss only the product of length and attenuation counts."""
    return LinkParameters(
        distance_km=min(path.loss_db, MAX_LOSS_DB),
        attenuation_db_per_km=1.0,
        depolarizing=path.depolarizing,
        eavesdropper=1.0 if tapped else 0.0,
    )


def on(link: frozenset[str], path: Path) -> bool:
    """Whether ``path`` goes over ``link``."""
    return any(frozenset(ends) == link for ends in pairwise(path.nodes))
