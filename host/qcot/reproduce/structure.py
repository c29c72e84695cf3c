"""QUMA Table 1: what a classical block and a Qblock hold, held against a Qblock that is made here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from qcot.crypto import cbor
from qcot.ledger import qblock
from qcot.ledger.qblock import Core
from qcot.reproduce.model import Result, Row, Run, exact, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CLASSICAL = "classical block"
_QUANTUM = "Qblock"


def run(how: Run) -> Result:
    """Close one Qblock over a tree of one leaf and name the bytes of each of its fields."""
    core = Core(0, qblock.NO_PREVIOUS, 1, sha256(b"\0record").digest(), 0, 1, 1_707_350_400_000, "gateway")
    header = qblock.close(core, (), core.time, shots=min(how.shots, 1024), seed=how.seed)
    quantum = header.quantum
    decoded = cbor.decode(header.raw)
    assert isinstance(decoded, dict)
    fields = dict(zip(_NAMES, decoded.values(), strict=False)) | dict(
        zip(_QUANTUM_NAMES, decoded[10].values(), strict=False)
    )
    sizes = {name: len(cbor.encode(value)) for name, value in fields.items()}
    again = qblock.parse(header.raw).core.walk_hash()
    rows: list[Row] = [
        exact(
            "version, previous hash, time stamp, Merkle root", f"in a {_CLASSICAL}'s header",
            theory="4 of 4", measured=f"{_found_again(core, decoded)} of 4", paper_holds=None,
            why="a Qblock has them all too: without them nothing is chained; QUMA's Table 1 leaves them out",
        ),
        Row(
            "difficulty target and nonce", f"only in a {_CLASSICAL}, yet QUMA 5.6 checks them in Qblocks",
            "none", "not measured: the format has no such field", False, None,
            "the paper contradicts itself; nobody mines here, a bookkeeper signs",
        ),
        exact(
            "Qhash", "in the quantum header",
            theory=again.hex()[:16] + "...", measured=quantum.qhash.hex()[:16] + "...", paper_holds=True,
            why="recomputed from the core; 32 bytes do not fit in one qubit (Holevo), so the header has them in full",
        ),
        exact(
            "quantum state", "in the quantum header",
            theory="prepared anew, all zeros", measured=_checked(quantum.check.zeros_newest, quantum.check.shots),
            paper_holds=False,
            why="no state is kept for years: the header has its recipe (h, t, OpenQASM 3), anybody prepares it",
        ),
        exact(
            "MQubits", "in the quantum header",
            theory="1 a Qblock", measured=f"{quantum.check.qasm3.count('h q[')} a Qblock", paper_holds=True,
            why="H, P(theta) and CP(phi) to the next block's qubit",
        ),
        Row(
            "medical records", "in the quantum body", "classical",
            "not measured: the format has them as leaves", False, None, "a superposition would be lost when it is read",
        ),
    ]  # fmt: skip
    data = [(name, "quantum" if name in _QUANTUM_NAMES else "core", size) for name, size in sizes.items()]
    ran = f"{quantum.check.backend}, {quantum.check.shots} shots, seed {quantum.check.seed}"
    return Result(tuple(rows), table(("field", "part", "bytes"), data), partial(_draw, sizes), ran)


_NAMES = (
    "version", "height", "previous hash", "tree size", "Merkle root", "first leaf", "transactions", "time stamp",
    "bookkeeper",
)  # fmt: skip
_QUANTUM_NAMES = ("qhash", "h", "t", "backend", "shots", "seed", "zeros counted", "OpenQASM 3")


def _found_again(core: Core, decoded: Mapping[Any, Any]) -> int:
    """How many of version, previous hash, Merkle root and time the header's bytes hold at the format's keys."""
    wanted = {1: qblock.VERSION, 3: core.previous, 5: core.tree_root, 8: core.time}
    return sum(decoded.get(key) == value for key, value in wanted.items())


def _checked(zeros: int, shots: int) -> str:
    return "prepared anew, all zeros" if zeros == shots else f"prepared anew, {zeros} zeros of {shots}"


def _draw(sizes: dict[str, int], figure: Figure) -> None:
    axes = figure.add_subplot()
    colours = ["C1" if name in _QUANTUM_NAMES else "C0" for name in sizes]
    axes.barh(list(sizes), list(sizes.values()), color=colours)
    axes.invert_yaxis()
    axes.set(xlabel="bytes", title="Fields of a Qblock header: core (blue) and quantum part (orange) (QUMA Table 1)")
