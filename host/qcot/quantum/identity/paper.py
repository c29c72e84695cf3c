"""What QUMA prints about validation, as data: Tables 3, 4, 5 and Fig. 7, 8, each beside what was computed here."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from qcot.quantum.backends import MAX_SEED, load_qiskit, require_seed, run_circuits
from qcot.quantum.identity.circuits import BELL_STATES, encode, measure_checks, pair_counts
from qcot.quantum.identity.machines import NONCE_BYTES, tag_symbols
from qcot.quantum.identity.messages import BASES, Basis, Symbol
from qcot.quantum.identity.parameters import PAPER, Parameters
from qcot.quantum.identity.run import Validation, validate
from qcot.quantum.qkd.store import Key, MemoryKeys
from qcot.quantum.walk import walk_hash

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qcot.quantum.backends import Backend

NODES = ("A", "B", "C", "D", "E", "F")
PAPER_REQUESTS = (("D", "A"), ("E", "A"), ("F", "A"), ("A", "D"), ("B", "D"), ("C", "D"))
"""Fig. 7 as QUMA 5.1 words it, (verifier, prover). By 5.3 'each node' asks whoever published: see `requests`."""
PAPER_KEY_BF = "1010110001010101011110"
"""Said to have length 20; it is printed with 22 digits."""
PAPER_PAIRS = 20
TABLE_4_POSITIONS = (2, 4, 6, 10, 13, 15, 17, 19)
"""Counted from 1."""
TABLE_4_PRINTED = ("1", "up", "-", "not-in", "v", "y", "g", "alpha")
"""The outputs as printed, each in a basis of its own, of which only {0, 1} and {+, -} are defined anywhere."""


@dataclass(frozen=True, slots=True)
class HashedRecord:
    """A row of Table 3. ``bits`` and ``printed`` are the paper's (192 bits, by a hash that it does not define)."""

    name: str
    bits: str | None
    printed: str
    walk_hash: str
    """256 bits: of the printed bits as ASCII text; of both walk hashes, B's first, for the root."""
    tag: tuple[Symbol, ...] | None
    """What an A-to-D validation about this hash would carry on its 12 pairs, under a key and nonce of this example."""


@dataclass(frozen=True, slots=True)
class CheckedPosition:
    """A column of Table 4: the printed output, and a basis that is defined with what both ends found in it."""

    position: int
    printed: str
    basis: Basis
    prover: int
    verifier: int

    @property
    def label(self) -> str:
        """The prover's outcome as a state."""
        return f"|{('01' if self.basis == 'Z' else '+-')[self.prover]}>"


@dataclass(frozen=True, slots=True)
class BellOutcomes:
    """A column of Table 5: the two results that both ends can find, in Z (the paper's row) and in X (what it lacks)."""

    state: str
    z: tuple[str, str]
    x: tuple[str, str]
    z_counts: dict[str, int]
    x_counts: dict[str, int]
    backend: str


@dataclass(frozen=True, slots=True)
class Request:
    """An arrow of Fig. 7, and what came of it."""

    verifier: str
    prover: str
    validation: Validation


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A box of Fig. 8: what is done, who is told what, and where the flow goes if it fails."""

    number: int
    who: str
    does: str
    tells: str
    otherwise: str
    paper: str


FIGURE_8: tuple[FlowStep, ...] = (
    FlowStep(
        1,
        "verifier",
        "takes a key and burns it, prepares n + d pairs Phi+, keeps one half of each",
        "key id, nonce, record hash; the other halves",
        "no key left: nothing is sent (key-exhausted)",
        "S1: prepares a chain of Bell states of four kinds and notes which",
    ),
    FlowStep(
        2,
        "prover",
        "takes the same key and burns it, measures d random halves, each in Z or X at random",
        "positions, bases, results, over an authenticated channel",
        "more than tau differ from the verifier's: stop (validation-channel-disturbed)",
        "S2: the same, with bases that Table 5 limits to Z",
    ),
    FlowStep(
        3,
        "prover",
        "turns the n other halves by I, Z, X or XZ, after 2n bits of HMAC(K, nonce || record hash)",
        "the halves themselves",
        "",
        "S3: sends two bits of 'information' a pair; which, and from what key, it does not say",
    ),
    FlowStep(
        4,
        "verifier",
        "measures each pair in the Bell basis and compares with the tag that it computes itself",
        "accepted or refused",
        "too many mismatch: refuse (validation-identity-refused)",
        "S3: 'validation can be done'; nothing is compared with a key",
    ),
)
"""Fig. 8 and S1 to S3 beside the protocol that is built."""


def table_3() -> tuple[HashedRecord, ...]:
    """Record hashes and the bits that a validation sends about them. The paper's cannot be recomputed."""
    key = hashlib.sha256(PAPER_KEY_BF.encode()).digest()
    printed = {
        "B": ("101011110011010110001010110001110100", "356fc60a20190c462e08e4fe05d8650a2d5413b984201c34"),
        "F": ("0101011100100001001111010110110100101110", "ef2eb1bffa1708434918a38d3a86a2064b4304bba8073017"),
    }
    ours = {name: walk_hash(bits.encode()) for name, (bits, _) in printed.items()}
    rows = [
        HashedRecord(name, bits, hexed, ours[name].hex(), tag_symbols(key, bytes(NONCE_BYTES), ours[name], PAPER.pairs))
        for name, (bits, hexed) in printed.items()
    ]
    root = walk_hash(ours["B"] + ours["F"]).hex()
    return HashedRecord("root", None, "1c9d15000aaa03e75b0449bd0b638d09ac6f5ce75201c657", root, None), *rows


def table_4(seed: int = 0, backend: Backend | None = None) -> tuple[CheckedPosition, ...]:
    """Eight of 20 pairs Phi+ measured at the paper's positions, in bases drawn by ``seed``."""
    require_seed(seed)
    random = np.random.default_rng(seed)
    bases = [BASES[i] for i in random.integers(len(BASES), size=len(TABLE_4_POSITIONS)).tolist()]
    found = measure_checks(bases, int(random.integers(MAX_SEED)), backend=backend).values
    return tuple(
        CheckedPosition(position, printed, basis, value >> 1, value & 1)
        for position, printed, basis, value in zip(TABLE_4_POSITIONS, TABLE_4_PRINTED, bases, found, strict=True)
    )


def table_5(shots: int = 1_000, seed: int = 0, backend: Backend | None = None) -> tuple[BellOutcomes, ...]:
    """The four Bell states measured by both ends in Z, and in X: only both bases together tell all four apart.

    In Z the sign does not show, so Phi+ and Phi- look alike (the paper's '='); in X the parity is the sign.
    """
    settings = [(symbol, basis) for symbol in range(len(BELL_STATES)) for basis in BASES]
    run = run_circuits([bell_state_circuit(*setting) for setting in settings], shots, seed, backend)
    found = {
        setting: {f"{pair:02b}": times for pair, times in sorted(pair_counts(counts).items())}
        for setting, counts in zip(settings, run.counts, strict=True)
    }
    equal, different = ("00", "11"), ("01", "10")
    return tuple(
        BellOutcomes(
            state,
            different if symbol & 2 else equal,
            different if symbol & 1 else equal,
            found[symbol, "Z"],
            found[symbol, "X"],
            run.backend,
        )
        for symbol, state in enumerate(BELL_STATES)
    )


@lru_cache(maxsize=8)
def bell_state_circuit(symbol: Symbol, basis: Basis) -> QuantumCircuit:
    """The symbol's Bell state, both halves measured in ``basis``."""
    load_qiskit()
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    encode(circuit, symbol, 1)
    circuit.barrier()
    if basis == "X":
        circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    return circuit


def requests(publishers: Sequence[str], nodes: Sequence[str] = NODES) -> tuple[tuple[str, str], ...]:
    """(verifier, prover): every other node asks each node that published (QUMA 5.3)."""
    return tuple((node, publisher) for publisher in publishers for node in nodes if node != publisher)


def figure_7(
    arrows: Sequence[tuple[str, str]] = PAPER_REQUESTS,
    parameters: Parameters = PAPER,
    seed: int = 0,
    backend: Backend | None = None,
) -> tuple[Request, ...]:
    """Run the requests of the six-node network, each with a key that its two nodes share and burn.

    Keys and nonces follow from ``seed``: they are this example's, for no other use.
    """
    require_seed(seed)
    random = np.random.default_rng(seed)
    ends: dict[tuple[str, str], MemoryKeys] = {}
    for one, other in combinations(sorted({node for arrow in arrows for node in arrow}), 2):
        keys = [Key(uuid.UUID(bytes=random.bytes(16), version=4), random.bytes(32)) for _ in arrows]
        ends[one, other], ends[other, one] = MemoryKeys(keys), MemoryKeys(keys)
    published = {prover: walk_hash(prover.encode()) for _, prover in arrows}
    return tuple(
        Request(
            verifier,
            prover,
            validate(
                ends[verifier, prover],
                ends[prover, verifier],
                published[prover],
                parameters,
                seed=int(random.integers(MAX_SEED)),
                nonce=random.bytes(NONCE_BYTES),
                backend=backend,
            ),
        )
        for verifier, prover in arrows
    )
