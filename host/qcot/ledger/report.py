"""Check an evidence file step by step, and say in plain words what holds and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError
from qcot.ledger import evidence, qblock, transactions
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.evidence import Evidence
from qcot.ledger.problems import (
    BAD_EVIDENCE,
    BRIDGE_DIFFERS,
    CHAIN_BROKEN,
    KEY_NOT_PINNED,
    NOT_COVERED,
    NOT_INCLUDED,
)
from qcot.ledger.rules import message_in
from qcot.ledger.transactions import FrameEntry, Transaction
from qcot.link import chain, messages


@dataclass(frozen=True, slots=True)
class Pins:
    """Keys that the reader knows to be right, from elsewhere; None leaves it to the reader."""

    gateway: VerifierKey | None = None
    bridge: PublicKey | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was checked: what it ``says``, or why it does not hold."""

    name: str
    says: str
    problem: Problem | None = None

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.problem is None


@dataclass(frozen=True)
class Report:
    """Steps in the order of docs/evidence.md, up to and with the first that fails."""

    steps: tuple[Step, ...]
    facts: dict[str, str | int] = field(default_factory=dict)

    @property
    def failure(self) -> Step | None:
        """The step that does not hold, if one does not."""
        return next((step for step in self.steps if not step.holds), None)

    @property
    def holds(self) -> bool:
        """Whether everything does."""
        return self.failure is None


@dataclass
class _Case:
    """What the steps before have found."""

    data: bytes
    pins: Pins
    facts: dict[str, str | int]
    evidence: Evidence = field(init=False)
    transaction: Transaction = field(init=False)
    header: qblock.Header = field(init=False)


def check(data: bytes, pins: Pins | None = None) -> Report:
    """Check the bytes of an evidence file; never raises for what is in them."""
    case = _Case(data, pins or Pins(), {})
    steps: list[Step] = []
    for name, step in _STEPS:
        try:
            steps.append(Step(name, step(case)))
        except QcotError as error:
            steps.append(Step(name, error.reason, error.problem))
            break
    return Report(tuple(steps), case.facts)


def _format(case: _Case) -> str:
    case.evidence = evidence.parse(case.data)
    return f"a file of format {evidence.FORMAT}"


def _signature(case: _Case) -> str:
    given = case.evidence
    if case.pins.bridge is not None and case.pins.bridge != given.bridge_key:
        raise QcotError(
            KEY_NOT_PINNED, f"bridge key {given.bridge_key.kid.hex()}, pinned is {case.pins.bridge.kid.hex()}"
        )
    case.transaction = transaction = transactions.parse(given.transaction)
    if transaction.bridge != given.bridge_name:
        raise QcotError(BRIDGE_DIFFERS, f"transaction of bridge {transaction.bridge}, key of {given.bridge_name}")
    transaction.verify(given.bridge_key)
    case.facts |= {
        "site": transaction.site,
        "bridge": transaction.bridge,
        "bridge_sequence": transaction.sequence,
        "transaction_hash": transaction.hash.hex(),
        "bridge_key": given.bridge_key.kid.hex(),
    }
    return f"bridge {transaction.bridge} of site {transaction.site} signed the transaction at {_when(transaction.time)}"


def _reading(case: _Case) -> str:
    given = case.evidence
    if given.entry is None or given.reading is None:
        return f"the transaction as a whole, with {len(case.transaction.entries)} entries"
    if given.entry >= len(case.transaction.entries):
        raise QcotError(BAD_EVIDENCE, f"entry {given.entry} of {len(case.transaction.entries)}")
    entry = case.transaction.entries[given.entry]
    message = message_in(entry) if isinstance(entry, FrameEntry) else None
    if not isinstance(entry, FrameEntry) or not isinstance(message, messages.Readings):
        raise QcotError(BAD_EVIDENCE, f"entry {given.entry} is not a frame of readings")
    if given.reading >= message.count:
        raise QcotError(BAD_EVIDENCE, f"reading {given.reading} of {message.count}")
    if given.link_before is not None:
        link = chain.extend(given.link_before, message.first, message.records)
        genesis = message.first > 0 or given.link_before == chain.genesis(entry.device, entry.epoch)
        if link != message.link or not genesis:
            raise QcotError(
                CHAIN_BROKEN, f"the readings do not lead from link_before to the link of entry {given.entry}"
            )
    reading = message.readings()[given.reading]
    case.facts |= {
        "device": entry.device.hex(),
        "epoch": entry.epoch,
        "seq": reading.seq,
        "board_time_ms": reading.time,
        "channel": reading.channel,
        "value": reading.value,
        "received": _when(entry.received),
    }
    if reading.is_loss:
        return f"board {entry.device.hex()} told that it could not store {reading.value} readings (seq {reading.seq})"
    return (
        f"board {entry.device.hex()} sampled the value {reading.value} on channel {reading.channel} as reading "
        f"{reading.seq} of epoch {entry.epoch}; the bridge had it at {_when(entry.received)}"
    )


def _inclusion(case: _Case) -> str:
    given = case.evidence
    proof, closing = given.transaction_proof, given.qblock_proof
    if proof.checkpoint != closing.checkpoint:
        raise QcotError(NOT_INCLUDED, "the two proofs are under different checkpoints")
    if not proof.includes(given.transaction):
        raise QcotError(NOT_INCLUDED, f"the transaction is not leaf {proof.index} of the checkpoint's tree")
    if not closing.includes(given.qblock):
        raise QcotError(NOT_INCLUDED, f"the Qblock header is not leaf {closing.index} of the checkpoint's tree")
    case.facts |= {"leaf": proof.index, "log_size": proof.checkpoint.size}
    return (
        f"leaves {proof.index} and {closing.index} are in the log {proof.checkpoint.origin} of {proof.checkpoint.size}"
    )


def _checkpoint(case: _Case) -> str:
    given = case.evidence
    if case.pins.gateway is not None and case.pins.gateway != given.gateway:
        raise QcotError(
            KEY_NOT_PINNED, f"log key {given.gateway.key.kid.hex()} of {given.gateway.name}, pinned is "
            f"{case.pins.gateway.key.kid.hex()} of {case.pins.gateway.name}"
        )  # fmt: skip
    stamp = given.transaction_proof.checkpoint.verify(given.gateway)
    case.facts |= {
        "log": given.transaction_proof.checkpoint.origin,
        "gateway": given.gateway.name,
        "gateway_key": given.gateway.key.kid.hex(),
        "checkpoint_time": _when(stamp * 1000),
    }
    return f"gateway {given.gateway.name} signed that log at {_when(stamp * 1000)}"


def _run(case: _Case) -> str:
    case.header = header = qblock.parse(case.evidence.qblock)
    core, index, place = header.core, case.evidence.transaction_proof.index, case.evidence.qblock_proof.index
    if not (core.first_leaf <= index < core.tree_size == place == core.first_leaf + core.transactions):
        raise QcotError(
            NOT_COVERED, f"Qblock {core.height} at leaf {place} closes leaves {core.first_leaf} to "
            f"{core.first_leaf + core.transactions - 1}, the transaction is leaf {index}"
        )  # fmt: skip
    case.facts |= {"qblock": core.height, "qblock_time": _when(core.time), "qblock_hash": header.hash.hex()}
    return f"Qblock {core.height} of {_when(core.time)} closed it"


def _walk_hash(case: _Case) -> str:
    qblock.check_walk_hash(case.header)
    backend = case.header.quantum.check.backend
    case.facts |= {"quantum_backend": backend}
    return f"the Qblock's walk hash and phase follow from it (they carry no security; its check ran on {backend})"


def _when(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return f"{milliseconds} ms since 1970"


_STEPS: tuple[tuple[str, Callable[[_Case], str]], ...] = (
    ("format", _format),
    ("transaction signature", _signature),
    ("reading", _reading),
    ("inclusion", _inclusion),
    ("checkpoint signature", _checkpoint),
    ("Qblock", _run),
    ("walk hash", _walk_hash),
)
