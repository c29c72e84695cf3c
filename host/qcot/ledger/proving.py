"""Make evidence from a ledger: transaction, Qblock, proofs under one checkpoint, and the certificates they rest on."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from qcot.certificates.certificate import Certificate, Role
from qcot.certificates.problems import CERTIFICATE_UNKNOWN
from qcot.certificates.register import Register
from qcot.crypto import merkle
from qcot.errors import QcotError
from qcot.ledger import anchor, checkpoint, qblock, transactions
from qcot.ledger.checkpoint import Checkpoint, Consistency, Proof, VerifierKey
from qcot.ledger.evidence import MAX_RECORDS, AnchorProof, BoardProof, Evidence, Place, QblockProof
from qcot.ledger.problems import (
    INDEX_DIFFERS,
    NO_SUCH_CHECKPOINT,
    NO_SUCH_READING,
    NOT_CLOSED_YET,
    NOT_CONSISTENT,
    QUORUM_MISSING,
)
from qcot.ledger.qblock import Header
from qcot.ledger.reader import Reader
from qcot.ledger.rules import message_in
from qcot.ledger.signed import is_signed
from qcot.ledger.stored import StoredRun, StoredSigned
from qcot.ledger.transactions import CheckpointEntry, FrameEntry, Transaction
from qcot.ledger.trust import Trust
from qcot.link.messages import Readings

CHEAP = 32 * 1024
"""Bytes of a file that the board's own signature may make of it unasked."""


def for_reading(ledger: Reader, trust: Trust, device: bytes, epoch: int, seq: int, *, signed: bool = False) -> Evidence:
    """Evidence for reading ``seq`` of ``device`` in ``epoch``.

    The board's own signature over it comes along where the file stays below :data:`CHEAP` with it, or, with ``signed``,
    in any case: then `no-such-checkpoint` is raised where there is none, or none within 220,000 readings.

    Raises `no-such-reading`, `not-closed-yet` where no checkpoint covers it, `quorum-missing` where too few have
    cosigned one, `certificate-unknown` or `index-differs`.
    """
    with ledger.snapshot():
        run = ledger.find_reading(device, epoch, seq)
        if run is None:
            raise QcotError(NO_SUCH_READING, f"no reading {seq} of device {device.hex()} in epoch {epoch}")
        _require_run(run, _transaction(ledger, run.leaf))
        place = Place(run.entry, seq - run.first, run.link_before)
        found = _signature_over(ledger, run)
        if found is not None:
            entry, records = found
            with suppress(QcotError):  # such as where the key's certificate had not begun when the reading was closed
                made = _make(ledger, trust, run.leaf, place, entry)
                whole = replace(made, signed=BoardProof(entry.signature, records))
                return whole if signed or len(whole.encode()) <= CHEAP else made
        if signed:
            raise QcotError(NO_SUCH_CHECKPOINT, f"board {device.hex()} itself has signed nothing that covers this")
        return _make(ledger, trust, run.leaf, place)


def for_checkpoint(ledger: Reader, trust: Trust, device: bytes, epoch: int, seq: int) -> Evidence:
    """Evidence for what ``device`` signed itself first of its chain before reading ``seq`` of ``epoch`` or a later one.

    Raises `no-such-checkpoint`, or as :func:`for_reading` does.
    """
    with ledger.snapshot():
        found = ledger.signed_after(device, epoch, seq - 1)
        if found is None:
            raise QcotError(NO_SUCH_CHECKPOINT, f"none of {device.hex()} at reading {seq} of epoch {epoch} or after it")
        return _make(ledger, trust, found.leaf, Place(found.entry, 0, None), _checkpoint_at(ledger, found))


def for_transaction(ledger: Reader, trust: Trust, leaf: int) -> Evidence:
    """Evidence for the transaction at ``leaf`` as a whole; raises as :func:`for_reading` does."""
    with ledger.snapshot():
        if not 0 <= leaf < ledger.size() or ledger.leaf(leaf)[0] == qblock.FIRST_BYTE:
            raise QcotError(NO_SUCH_READING, f"no transaction at leaf {leaf}")
        return _make(ledger, trust, leaf, None)


def consistency(ledger: Reader, old: int, text: str | None = None) -> Consistency:
    """The proof that the tree of a checkpoint (the newest unless given) begins with that of ``old`` leaves.

    Raises `not-closed-yet` where there is no checkpoint, `not-consistent` where it is not over as many leaves.
    """
    text = ledger.checkpoint() if text is None else text
    if text is None:
        raise QcotError(NOT_CLOSED_YET, "the log has no checkpoint yet")
    given = checkpoint.parse(text)
    if old > given.size:
        raise QcotError(NOT_CONSISTENT, f"a tree of {given.size} leaves does not begin with {old}")
    return Consistency(old, tuple(merkle.consistency_path(old, given.size, ledger.node) if old else ()), given)


def consistency_between(ledger: Reader, old: int, new: int) -> Consistency:
    """The proof from the tree that ends with Qblock ``old`` to the one that ends with ``new``; raises as above."""
    sizes = []
    for height in (old, new):
        header = ledger.header(height)
        if header is None:
            raise QcotError(NOT_CLOSED_YET, f"there is no Qblock {height}; there are {ledger.height()}")
        sizes.append(header.core.tree_size + 1)
    text = ledger.checkpoint(sizes[1])
    if text is None:
        raise QcotError(NOT_CLOSED_YET, f"Qblock {new} has no checkpoint yet")
    return consistency(ledger, sizes[0], text)


def known_certificates(ledger: Reader, trust: Trust) -> Register:
    """The ledger's register, and what is known from outside of it; raises what is wrong with the latter by name."""
    trust.register()  # these are checked here, those when they came
    return trust.beside(ledger.register())


def log_key(register: Register, given: Checkpoint) -> VerifierKey:
    """The key of the gateway that signed; raises `certificate-unknown`, `checkpoint-...` or `bad-signature`."""
    gateway, _ = _gateway(register, given)
    assert gateway.key is not None  # of this role
    return VerifierKey(given.origin, gateway.key)


def _require_run(run: StoredRun, transaction: Transaction) -> Readings:
    """What ``transaction``, at its leaf, says there; raises `index-differs` unless these are the readings.

    None shall stand for another.
    """
    with suppress(LookupError):
        entry = transaction.entries[run.entry]
        if isinstance(entry, FrameEntry) and isinstance(message := message_in(entry), Readings):
            found = (entry.device, entry.epoch, message.first, message.count)
            if found == (run.device, run.epoch, run.first, run.count):
                return message
    reason = f"readings {run.first} to {run.first + run.count - 1} of {run.device.hex()} are not at leaf {run.leaf}"
    raise QcotError(INDEX_DIFFERS, reason)


def _transaction(ledger: Reader, leaf: int) -> Transaction:
    try:
        return transactions.parse(ledger.leaf(leaf))
    except LookupError as error:
        raise QcotError(INDEX_DIFFERS, f"there is no leaf {leaf}") from error


def _checkpoint_at(ledger: Reader, found: StoredSigned) -> CheckpointEntry:
    """Raises `index-differs` where the table has one that the leaf has not."""
    with suppress(LookupError):
        entry = transactions.parse(ledger.leaf(found.leaf)).entries[found.entry]
        if isinstance(entry, CheckpointEntry) and (entry.device, entry.epoch, entry.seq) == found.place:
            return entry
    raise QcotError(INDEX_DIFFERS, f"no checkpoint of {found.device.hex()} is entry {found.entry} of leaf {found.leaf}")


def _signature_over(ledger: Reader, run: StoredRun) -> tuple[CheckpointEntry, bytes] | None:
    """What the board itself signed first of its chain from that frame on, and the records of the readings between."""
    end = run.first + run.count
    found = ledger.signed_after(run.device, run.epoch, end - 1)
    if found is None or found.seq - end > MAX_RECORDS:
        return None
    records: list[bytes] = []
    leaf, transaction = run.leaf, _transaction(ledger, run.leaf)
    while end < found.seq:
        between = ledger.find_reading(run.device, run.epoch, end)
        if between is None:
            raise QcotError(INDEX_DIFFERS, f"reading {end} of {run.device.hex()} is missing before what it signed")
        if between.leaf != leaf:
            leaf, transaction = between.leaf, _transaction(ledger, between.leaf)
        message = _require_run(between, transaction)
        records.append(message.records)
        end = message.end
    return _checkpoint_at(ledger, found), b"".join(records)


def _make(ledger: Reader, trust: Trust, leaf: int, place: Place | None, by: CheckpointEntry | None = None) -> Evidence:
    """With the board's certificate that holds then and, with ``by``, names the key that signed that."""
    header = ledger.header_closing(leaf)
    if header is None:
        raise QcotError(NOT_CLOSED_YET, f"no Qblock with a checkpoint covers leaf {leaf}")
    if header.core.first_leaf > leaf:
        raise QcotError(INDEX_DIFFERS, f"the Qblock that closed leaf {leaf} is not where it should be")
    raw = ledger.leaf(leaf)
    register = known_certificates(ledger, trust)
    signed, keepers = _signed(ledger, register, header)
    at_s = header.core.time // 1000
    signed_by = transactions.parse(raw)
    used = [_holding(register, Role.BRIDGE, signed_by.kid, at_s, name=(signed_by.bridge,), policy=(signed_by.policy,))]
    if place is not None:
        entry = signed_by.entries[place.entry]
        assert isinstance(entry, FrameEntry | CheckpointEntry)  # who calls saw to it
        keys = None if by is None else _keys(register, by, at_s)
        used.append(_holding(register, Role.BOARD, entry.device, at_s, bridge=(signed_by.bridge, None), raw=keys))
    used += keepers
    chain = dict.fromkeys([_issuer(register, each).raw for each in used] + [each.raw for each in used])
    proof, closing = (_path(ledger, index, signed) for index in (leaf, header.core.tree_size))
    return Evidence(
        raw, place, Proof(leaf, proof, signed), QblockProof(header.raw, header.core.tree_size, closing),
        tuple(chain), ledger.authority, _anchor(ledger, signed),
    )  # fmt: skip


def _path(ledger: Reader, index: int, signed: Checkpoint) -> tuple[bytes, ...]:
    return tuple(merkle.inclusion_path(index, signed.size, ledger.node))


def _signed(ledger: Reader, register: Register, header: Header) -> tuple[Checkpoint, list[Certificate]]:
    """The newest checkpoint over ``header`` that enough have cosigned, and whose signatures it bears."""
    refusal = QcotError(NOT_CLOSED_YET, f"no checkpoint covers Qblock {header.core.height}")
    for text in ledger.checkpoints_over(header.core.tree_size):
        given = checkpoint.parse(text)
        try:
            return given, _signers(register, given)
        except QcotError as error:
            refusal = error
    raise refusal


def _signers(register: Register, given: Checkpoint) -> list[Certificate]:
    """The gateway's certificate, then those of the witnesses that cosigned; raises `quorum-missing`."""
    gateway, stamp = _gateway(register, given)
    assert gateway.log is not None  # of this role
    found: dict[str, Certificate] = {}
    for each in register.of_role(Role.WITNESS):
        if each.key and each.name in gateway.log.cosigners:
            vkey = VerifierKey(each.name, each.key)
            if given.is_signed_by(vkey) and _held(each, given.verify(vkey) or stamp):
                found[each.name] = each
    if len(found) < gateway.log.quorum:
        reason = f"{len(found)} of the witnesses {', '.join(gateway.log.cosigners)} cosigned {given.size} leaves"
        raise QcotError(QUORUM_MISSING, f"{reason}, the log needs {gateway.log.quorum}")
    return [gateway, *found.values()]


def _gateway(register: Register, given: Checkpoint) -> tuple[Certificate, int]:
    """The certificate issued last of the gateway that signed, valid when it did, and that time."""
    issued = sorted(register.of_role(Role.GATEWAY), key=lambda each: each.issued_at)
    for each in reversed(issued):
        if each.key and each.log and each.log.origin == given.origin:
            vkey = VerifierKey(given.origin, each.key)
            if given.is_signed_by(vkey) and _held(each, stamp := given.verify(vkey)):
                return each, stamp
    raise QcotError(CERTIFICATE_UNKNOWN, f"no certificate of the gateway that signed the log {given.origin}")


def _keys(register: Register, by: CheckpointEntry, at_s: int) -> tuple[bytes, ...]:
    """The certificates of the board, valid at ``at_s``, whose key signed ``by``."""
    held = [each for each in register.of_role(Role.BOARD) if each.kid == by.device and _held(each, at_s)]
    return tuple(each.raw for each in held if each.board and each.board.lms and is_signed(by, each.board.lms))


def _holding(
    register: Register, role: Role, kid: bytes, at_s: int, **claims: tuple[str | bytes | None, ...] | None
) -> Certificate:
    """The newest certificate of a holder that was valid at ``at_s`` and claims one of these, also if revoked since."""
    for each in reversed(register.of_role(role)):
        fits = all(values is None or getattr(each, claim) in values for claim, values in claims.items())
        if each.kid == kid and _held(each, at_s) and fits:
            return each
    raise QcotError(CERTIFICATE_UNKNOWN, f"no certificate of {role} {kid.hex()} that was valid at {at_s}")


def _held(each: Certificate, at_s: int) -> bool:
    return each.not_before <= at_s < each.not_after


def _issuer(register: Register, leaf: Certificate) -> Certificate:
    for each in register.of_role(Role.ISSUER):
        if each.kid == leaf.issuer and each.not_before <= leaf.not_before and leaf.not_after <= each.not_after:
            return each
    raise QcotError(CERTIFICATE_UNKNOWN, f"no certificate of issuer {leaf.issuer.hex()}")


def _anchor(ledger: Reader, signed: Checkpoint) -> AnchorProof | None:
    raw = ledger.anchor()
    if raw is None:
        return None
    smaller, larger = sorted((anchor.parse(raw).size, signed.size))
    return AnchorProof(raw, tuple(merkle.consistency_path(smaller, larger, ledger.node)))
