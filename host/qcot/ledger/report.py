"""Check an evidence file step by step, and say in plain words what holds and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from qcot.certificates import certificate, revocation
from qcot.certificates.certificate import Certificate, Role
from qcot.certificates.problems import CERTIFICATE_UNKNOWN, POLICY_FOREIGN
from qcot.certificates.register import Register
from qcot.crypto import merkle
from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError
from qcot.ledger import anchor, evidence, qblock, report_board, transactions
from qcot.ledger.case import Case, Facts, Given, when
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.problems import (
    ANCHOR_FOREIGN,
    ANCHOR_MISSING,
    KEY_NOT_PINNED,
    LOG_FOREIGN,
    NOT_CONSISTENT,
    NOT_COVERED,
    NOT_INCLUDED,
    QUORUM_MISSING,
)


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


def check(data: bytes, given: Given | None = None) -> Report:
    """Check the bytes of an evidence file; never raises for what is in them."""
    case = Case(data, given or Given())
    steps: list[Step] = []
    for name, step in _STEPS:
        try:
            steps.append(Step(name, step(case)))
        except QcotError as error:
            steps.append(Step(name, error.reason, error.problem))
            break
    return Report(tuple(steps), case.facts)


def _format(case: Case) -> str:
    case.evidence = given = evidence.parse(case.data)
    case.transaction = transactions.parse(given.transaction)
    case.header = qblock.parse(given.qblock.header)
    return f"a file of format {evidence.FORMAT}, {len(case.data):,} bytes"


def _root(case: Case) -> str:
    root, pinned = case.evidence.root, case.given.root
    if pinned is not None and pinned not in (root, root.kid):
        wanted = pinned.hex() if isinstance(pinned, bytes) else pinned.kid.hex()
        raise QcotError(KEY_NOT_PINNED, f"the root is {root.kid.hex()}, the one you named is {wanted}")
    case.facts |= {"root": root.kid.hex(), "root_pinned": pinned is not None}
    what = "the one that you named" if pinned is not None else "which is only what the file claims"
    return f"everything rests on the authority's {root.algorithm.name} key {root.kid.hex()}, {what}"


def _certificates(case: Case) -> str:
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


def _signature(case: Case) -> str:
    transaction = case.transaction
    holder = case.require(transaction.kid, Role.BRIDGE, case.seconds, transaction.bridge)
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
        "transaction_time": when(transaction.time),
        "transaction_hash": transaction.hash.hex(),
    }
    return f"bridge {transaction.bridge} of site {transaction.site} signed the transaction at {when(transaction.time)}"


def _inclusion(case: Case) -> str:
    given = case.evidence
    proof, closing, signed = given.proof, given.qblock, given.proof.checkpoint
    if not proof.includes(given.transaction):
        raise QcotError(NOT_INCLUDED, f"the transaction is not leaf {proof.index} of the checkpoint's tree")
    leaf = merkle.leaf_hash(closing.header)
    if merkle.root_from_inclusion(leaf, closing.index, signed.size, closing.path) != signed.root:
        raise QcotError(NOT_INCLUDED, f"the Qblock header is not leaf {closing.index} of the checkpoint's tree")
    case.facts |= {"leaf": proof.index, "log": signed.origin, "log_size": signed.size}
    return f"leaves {proof.index} and {closing.index} are in the log {signed.origin} of {signed.size} leaves"


def _checkpoint(case: Case) -> str:
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
        "checkpoint_time": when(case.stamp * 1000),
    }
    return f"gateway {holder.name} signed that log at {when(case.stamp * 1000)}"


def _witnesses(case: Case) -> str:
    signed, log = case.evidence.proof.checkpoint, case.log
    found: dict[bytes, Certificate] = {}  # a key counts once, by the last of its names
    told: dict[str, str] = {}  # and so does a name
    for each in case.register.of_role(Role.WITNESS):
        vkey = VerifierKey(each.name, _key(each))
        if each.name in log.cosigners and signed.is_signed_by(vkey):
            stamp = signed.verify(vkey)
            case.require(each.kid, Role.WITNESS, stamp or case.stamp, each.name)
            found[each.kid] = each
            told[each.name] = f"{each.name} at {when(stamp * 1000)}" if stamp else each.name
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


def _run(case: Case) -> str:
    core, index, place = case.header.core, case.evidence.proof.index, case.evidence.qblock.index
    if not (core.first_leaf <= index < core.tree_size == place == core.first_leaf + core.transactions):
        raise QcotError(
            NOT_COVERED, f"Qblock {core.height} at leaf {place} closes leaves {core.first_leaf} to "
            f"{core.first_leaf + core.transactions - 1}, the transaction is leaf {index}"
        )  # fmt: skip
    if case.stamp < case.seconds:
        raise QcotError(NOT_COVERED, f"Qblock {core.height} is of {when(core.time)}, its checkpoint from before that")
    case.facts |= {"qblock": core.height, "qblock_time": when(core.time), "qblock_hash": case.header.hash.hex()}
    return f"Qblock {core.height} of {when(core.time)} closed it"


def _walk_hash(case: Case) -> str:
    qblock.check_walk_hash(case.header)
    backend = case.header.quantum.check.backend
    case.facts |= {"quantum_backend": backend}
    return f"the Qblock's walk hash and phase follow from it (they carry no security; its check ran on {backend})"


def _anchor(case: Case) -> str:
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
    case.facts |= {"anchor_time": when(found.time), "anchor_size": found.size, "anchored": covers}
    if case.given.anchored and not covers:
        raise QcotError(ANCHOR_MISSING, f"the anchor covers the first {found.size} leaves, this came after them")
    told = "with this among them" if covers else "which were before this"
    return f"the authority anchored the log's first {found.size} leaves at {when(found.time)}, {told}"


def _key(holder: Certificate) -> PublicKey:
    assert holder.key is not None  # none but a board is without, its parser saw to it
    return holder.key


_STEPS: tuple[tuple[str, Callable[[Case], str]], ...] = (
    ("format", _format),
    ("authority", _root),
    ("certificates", _certificates),
    ("transaction", _signature),
    ("reading", report_board.reading),
    ("board", report_board.board),
    ("own signature", report_board.own_signature),
    ("inclusion", _inclusion),
    ("checkpoint", _checkpoint),
    ("witnesses", _witnesses),
    ("Qblock", _run),
    ("walk hash", _walk_hash),
    ("anchor", _anchor),
)
