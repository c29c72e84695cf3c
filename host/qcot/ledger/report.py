"""Check an evidence file step by step, and say in plain words what holds and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from qcot.certificates import certificate, revocation
from qcot.certificates.certificate import BoardClaims, Certificate, LogClaims, Role
from qcot.certificates.problems import CERTIFICATE_UNKNOWN, POLICY_FOREIGN
from qcot.certificates.register import Register
from qcot.certificates.revocation import Revocation
from qcot.crypto import merkle
from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError
from qcot.ledger import anchor, evidence, qblock, transactions
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.evidence import Evidence
from qcot.ledger.problems import (
    ANCHOR_FOREIGN,
    ANCHOR_MISSING,
    BAD_EVIDENCE,
    CHAIN_BROKEN,
    COMMITMENT_DIFFERS,
    KEY_NOT_PINNED,
    LOG_FOREIGN,
    NOT_CONSISTENT,
    NOT_COVERED,
    NOT_INCLUDED,
    QUORUM_MISSING,
)
from qcot.ledger.qblock import Header
from qcot.ledger.rules import message_in
from qcot.ledger.transactions import EnrolmentEntry, FrameEntry, Transaction
from qcot.link import chain, messages

Facts = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Given:
    """What the reader knows from elsewhere: the authority's root key, or its key id, and revocations.

    And what he insists on beyond what the log asks of itself: ``witnesses``, and an anchor that covers the reading.
    """

    root: PublicKey | bytes | None = None
    revocations: tuple[bytes, ...] = ()
    witnesses: int = 0
    anchored: bool = False


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
    facts: Facts = field(default_factory=dict)

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
    given: Given
    facts: Facts = field(default_factory=dict)
    evidence: Evidence = field(init=False)
    transaction: Transaction = field(init=False)
    header: Header = field(init=False)
    register: Register = field(init=False)
    revocations: list[Revocation] = field(init=False)
    log: LogClaims = field(init=False)
    stamp: int = field(init=False)

    def require(self, kid: bytes, role: Role, at_s: int, name: str | None = None) -> Certificate:
        """The certificate of ``kid``, if it held at ``at_s`` with the revocations from then and before."""
        register = self.register
        for each in self.revocations:
            if each.time <= at_s:
                register = register.revoke(each.raw, check=False)
        return register.require(kid, role, at_s, name)


def check(data: bytes, given: Given | None = None) -> Report:
    """Check the bytes of an evidence file; never raises for what is in them."""
    case = _Case(data, given or Given())
    steps: list[Step] = []
    for name, step in _STEPS:
        try:
            steps.append(Step(name, step(case)))
        except QcotError as error:
            steps.append(Step(name, error.reason, error.problem))
            break
    return Report(tuple(steps), case.facts)


def _format(case: _Case) -> str:
    case.evidence = given = evidence.parse(case.data)
    case.transaction = transactions.parse(given.transaction)
    case.header = qblock.parse(given.qblock.header)
    return f"a file of format {evidence.FORMAT}, {len(case.data):,} bytes"


def _root(case: _Case) -> str:
    root, pinned = case.evidence.root, case.given.root
    if pinned is not None and pinned not in (root, root.kid):
        wanted = pinned.hex() if isinstance(pinned, bytes) else pinned.kid.hex()
        raise QcotError(KEY_NOT_PINNED, f"the root is {root.kid.hex()}, the one you named is {wanted}")
    case.facts |= {"root": root.kid.hex(), "root_pinned": pinned is not None}
    what = "the one that you named" if pinned is not None else "which is only what the file claims"
    return f"everything rests on the authority's {root.algorithm.name} key {root.kid.hex()}, {what}"


def _certificates(case: _Case) -> str:
    register = Register(case.evidence.root, case.transaction.site)
    for raw in case.evidence.certificates:
        register = register.admit(raw, certificate.parse(raw).not_before)
    case.register, case.revocations = register, []
    serials = {certificate.parse(raw).serial for raw in case.evidence.certificates}
    for raw in case.given.revocations:
        found = revocation.parse(raw)
        if found.serial in serials:
            case.register.revoke(raw)  # raises unless it counts
            case.revocations.append(found)
    held = f", {len(case.revocations)} of the revocations you gave are about them" if case.given.revocations else ""
    return f"{len(serials)} certificates for site {case.transaction.site} lead to that key{held}"


def _signature(case: _Case) -> str:
    transaction = case.transaction
    holder = case.require(transaction.kid, Role.BRIDGE, _seconds(case), transaction.bridge)
    if transaction.policy != holder.policy:
        raise QcotError(
            POLICY_FOREIGN, f"the transaction names policy {transaction.policy}, the certificate {holder.policy}"
        )
    transaction.verify(_key(holder))
    case.facts |= {
        "site": transaction.site,
        "policy": transaction.policy,
        "bridge": transaction.bridge,
        "bridge_key": holder.kid.hex(),
        "bridge_sequence": transaction.sequence,
        "transaction_time": _when(transaction.time),
        "transaction_hash": transaction.hash.hex(),
    }
    return f"bridge {transaction.bridge} of site {transaction.site} signed the transaction at {_when(transaction.time)}"


def _reading(case: _Case) -> str:
    place, entries = case.evidence.place, case.transaction.entries
    if place is None:
        return f"the transaction as a whole is meant, with {len(entries)} entries"
    entry = entries[place.entry] if place.entry < len(entries) else None
    message = message_in(entry) if isinstance(entry, FrameEntry) else None
    if not isinstance(entry, FrameEntry) or not isinstance(message, messages.Readings):
        raise QcotError(BAD_EVIDENCE, f"entry {place.entry} of {len(entries)} is not a frame of readings")
    if place.reading >= message.count:
        raise QcotError(BAD_EVIDENCE, f"reading {place.reading} of {message.count}")
    if place.link_before is not None:
        link = chain.extend(place.link_before, message.first, message.records)
        genesis = message.first > 0 or place.link_before == chain.genesis(entry.device, entry.epoch)
        if link != message.link or not genesis:
            raise QcotError(CHAIN_BROKEN, f"the readings do not lead from the link before to entry {place.entry}'s")
    reading = message.readings()[place.reading]
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


def _board(case: _Case) -> str:
    place = case.evidence.place
    if place is None:
        return "no board is meant"
    entry = case.transaction.entries[place.entry]
    assert isinstance(entry, FrameEntry)  # the step before saw to it
    holder = case.require(entry.device, Role.BOARD, _seconds(case))
    holder.require_bridge(case.transaction.bridge)
    board = holder.board
    assert board is not None  # of this role
    for other in case.transaction.entries:
        if not isinstance(other, EnrolmentEntry) or other.device != entry.device:
            continue
        if other.commitment != board.commitment:
            raise QcotError(COMMITMENT_DIFFERS, f"board {entry.device.hex()} is enrolled here with another key")
    case.facts |= {"model": board.model, "image": board.image.hex()}
    return f"the authority certified this board, a {board.model}{_physical(case, board)}"


def _physical(case: _Case, board: BoardClaims) -> str:
    number, value = case.facts["channel"], case.facts["value"]
    if not isinstance(number, int) or not isinstance(value, int) or number >= len(board.channels):
        return ""
    channel = board.channels[number]
    amount = f"{(value + channel.offset) * channel.num / channel.den:.6g} {channel.unit}".rstrip()
    case.facts |= {"channel_name": channel.name, "amount": amount}
    return f"; on its channel {channel.name} the value stands for {amount}"


def _inclusion(case: _Case) -> str:
    given = case.evidence
    proof, closing, signed = given.proof, given.qblock, given.proof.checkpoint
    if not proof.includes(given.transaction):
        raise QcotError(NOT_INCLUDED, f"the transaction is not leaf {proof.index} of the checkpoint's tree")
    leaf = merkle.leaf_hash(closing.header)
    if merkle.root_from_inclusion(leaf, closing.index, signed.size, closing.path) != signed.root:
        raise QcotError(NOT_INCLUDED, f"the Qblock header is not leaf {closing.index} of the checkpoint's tree")
    case.facts |= {"leaf": proof.index, "log": signed.origin, "log_size": signed.size}
    return f"leaves {proof.index} and {closing.index} are in the log {signed.origin} of {signed.size} leaves"


def _checkpoint(case: _Case) -> str:
    signed = case.evidence.proof.checkpoint
    vkeys = [VerifierKey(signed.origin, _key(each)) for each in case.register.of_role(Role.GATEWAY)]
    vkey = next(filter(signed.is_signed_by, vkeys), None)
    if vkey is None:
        raise QcotError(CERTIFICATE_UNKNOWN, f"no certificate of a gateway that signed {signed.origin}")
    case.stamp = signed.verify(vkey)
    holder = case.require(vkey.key.kid, Role.GATEWAY, case.stamp)
    assert holder.log is not None  # of this role
    if holder.log.origin != signed.origin:
        reason = f"the gateway is certified for {holder.log.origin}, the checkpoint is of {signed.origin}"
        raise QcotError(LOG_FOREIGN, reason)
    case.log = holder.log
    case.facts |= {
        "gateway": holder.name,
        "gateway_key": holder.kid.hex(),
        "checkpoint_time": _when(case.stamp * 1000),
    }
    return f"gateway {holder.name} signed that log at {_when(case.stamp * 1000)}"


def _witnesses(case: _Case) -> str:
    signed, log = case.evidence.proof.checkpoint, case.log
    found: dict[bytes, Certificate] = {}  # a key counts once, by the last of its names
    told: dict[str, str] = {}  # and so does a name
    for each in case.register.of_role(Role.WITNESS):
        vkey = VerifierKey(each.name, _key(each))
        if each.name in log.cosigners and signed.is_signed_by(vkey):
            stamp = signed.verify(vkey)
            case.require(each.kid, Role.WITNESS, stamp or case.stamp, each.name)
            found[each.kid] = each
            told[each.name] = f"{each.name} at {_when(stamp * 1000)}" if stamp else each.name
    names = dict.fromkeys(each.name for each in found.values())
    for who, needed in (("the log needs", log.quorum), ("you ask for", case.given.witnesses)):
        if len(names) < needed:
            reason = f"{len(names)} of the witnesses {', '.join(log.cosigners)} cosigned it, {who} {needed}"
            raise QcotError(QUORUM_MISSING, reason)
    case.facts |= {"quorum": log.quorum, "witnesses": len(names)}
    if not names:
        return "the log needs no witness: that it shows all the same tree rests on its gateway"
    given = ", ".join(told[name] for name in names)
    return f"{len(names)} cosigned, {log.quorum} of {len(log.cosigners)} are needed: {given}"


def _run(case: _Case) -> str:
    core, index, place = case.header.core, case.evidence.proof.index, case.evidence.qblock.index
    if not (core.first_leaf <= index < core.tree_size == place == core.first_leaf + core.transactions):
        raise QcotError(
            NOT_COVERED, f"Qblock {core.height} at leaf {place} closes leaves {core.first_leaf} to "
            f"{core.first_leaf + core.transactions - 1}, the transaction is leaf {index}"
        )  # fmt: skip
    if case.stamp < _seconds(case):
        raise QcotError(NOT_COVERED, f"Qblock {core.height} is of {_when(core.time)}, its checkpoint from before that")
    case.facts |= {"qblock": core.height, "qblock_time": _when(core.time), "qblock_hash": case.header.hash.hex()}
    return f"Qblock {core.height} of {_when(core.time)} closed it"


def _walk_hash(case: _Case) -> str:
    qblock.check_walk_hash(case.header)
    backend = case.header.quantum.check.backend
    case.facts |= {"quantum_backend": backend}
    return f"the Qblock's walk hash and phase follow from it (they carry no security; its check ran on {backend})"


def _anchor(case: _Case) -> str:
    given, signed = case.evidence.anchor, case.evidence.proof.checkpoint
    if given is None:
        if case.given.anchored:
            raise QcotError(ANCHOR_MISSING, "you ask for an anchor, and there is none")
        return "no anchor: that the log is older than its signatures rests on ML-DSA"
    found = anchor.parse(given.statement)
    found.verify(case.evidence.root)
    if found.origin != signed.origin:
        raise QcotError(ANCHOR_FOREIGN, f"the anchor is of {found.origin}, the checkpoint of {signed.origin}")
    smaller, larger = sorted(((found.size, found.root), (signed.size, signed.root)))
    if not merkle.is_consistent(smaller[0], larger[0], smaller[1], larger[1], given.path):
        raise QcotError(NOT_CONSISTENT, f"the anchor's tree of {found.size} leaves is not that of the checkpoint")
    covers = case.evidence.qblock.index < found.size
    case.facts |= {"anchor_time": _when(found.time), "anchor_size": found.size, "anchored": covers}
    if case.given.anchored and not covers:
        raise QcotError(ANCHOR_MISSING, f"the anchor covers the first {found.size} leaves, this came after them")
    told = "with this among them" if covers else "which were before this"
    return f"the authority anchored the log's first {found.size} leaves at {_when(found.time)}, {told}"


def _seconds(case: _Case) -> int:
    """The Qblock's time: as of which bridge and board are judged."""
    return case.header.core.time // 1000


def _key(holder: Certificate) -> PublicKey:
    assert holder.key is not None  # none but a board is without, its parser saw to it
    return holder.key


def _when(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return f"{milliseconds} ms since 1970"


_STEPS: tuple[tuple[str, Callable[[_Case], str]], ...] = (
    ("format", _format),
    ("authority", _root),
    ("certificates", _certificates),
    ("transaction", _signature),
    ("reading", _reading),
    ("board", _board),
    ("inclusion", _inclusion),
    ("checkpoint", _checkpoint),
    ("witnesses", _witnesses),
    ("Qblock", _run),
    ("walk hash", _walk_hash),
    ("anchor", _anchor),
)
