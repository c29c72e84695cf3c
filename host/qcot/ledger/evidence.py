"""One file that proves one reading, or one transaction, with neither network nor home (docs/evidence.md, Evidence)."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from qcot.crypto.signing import ML_DSA_65, PublicKey
from qcot.errors import QcotError
from qcot.ledger import checkpoint, merkle, qblock, transactions
from qcot.ledger.checkpoint import Checkpoint, Proof, VerifierKey
from qcot.ledger.problems import BAD_EVIDENCE, BRIDGE_NOT_TRUSTED, INDEX_DIFFERS, NO_SUCH_READING, NOT_CLOSED_YET
from qcot.ledger.reader import Reader, StoredRun
from qcot.ledger.rules import message_in
from qcot.ledger.transactions import FrameEntry
from qcot.ledger.trust import Trust
from qcot.link.chain import LINK_SIZE
from qcot.link.messages import Readings

FORMAT = "qcot-evidence/v1"
MAX_BYTES = 4 << 20
MEMBERS = (
    "format", "transaction", "entry", "reading", "link_before", "transaction_proof", "qblock", "qblock_proof",
    "bridge", "gateway",
)  # fmt: skip
_BRIDGE_MEMBERS = ("name", "algorithm", "public_key")


@dataclass(frozen=True, slots=True)
class Evidence:
    """The members of an evidence file, decoded. ``entry`` and ``reading`` count from 0, None for a whole one."""

    transaction: bytes
    entry: int | None
    reading: int | None
    link_before: bytes | None
    transaction_proof: Proof
    qblock: bytes
    qblock_proof: Proof
    bridge_name: str
    bridge_key: PublicKey
    gateway: VerifierKey

    def to_json(self) -> bytes:
        """The file's bytes."""
        values = (
            FORMAT, _base64(self.transaction), self.entry, self.reading,
            None if self.link_before is None else _base64(self.link_before),
            str(self.transaction_proof), _base64(self.qblock), str(self.qblock_proof),
            dict(zip(_BRIDGE_MEMBERS, (self.bridge_name, ML_DSA_65.name, _base64(self.bridge_key.raw)), strict=True)),
            str(self.gateway),
        )  # fmt: skip
        return (json.dumps(dict(zip(MEMBERS, values, strict=True)), indent=1, ensure_ascii=False) + "\n").encode()


def for_reading(ledger: Reader, trust: Trust, device: bytes, epoch: int, seq: int) -> Evidence:
    """Evidence for reading ``seq`` of ``device`` in ``epoch``.

    Raises `no-such-reading`, `not-closed-yet` where no checkpoint covers it, or `index-differs`.
    """
    with ledger.snapshot():
        run = ledger.find_reading(device, epoch, seq)
        if run is None:
            raise QcotError(NO_SUCH_READING, f"no reading {seq} of device {device.hex()} in epoch {epoch}")
        _require_run(ledger, run)
        place = (run.entry, seq - run.first, run.link_before)
        return _make(ledger, trust, run.leaf, place)


def for_transaction(ledger: Reader, trust: Trust, leaf: int) -> Evidence:
    """Evidence for the transaction at ``leaf`` as a whole; raises as :func:`for_reading` does."""
    with ledger.snapshot():
        if not 0 <= leaf < ledger.size() or ledger.leaf(leaf)[0] == qblock.FIRST_BYTE:
            raise QcotError(NO_SUCH_READING, f"no transaction at leaf {leaf}")
        return _make(ledger, trust, leaf, (None, None, None))


def _require_run(ledger: Reader, run: StoredRun) -> None:
    """Raise `index-differs` unless the readings are where the table has them: none shall stand for another."""
    found = None
    with suppress(LookupError):
        entry = transactions.parse(ledger.leaf(run.leaf)).entries[run.entry]
        if isinstance(entry, FrameEntry) and isinstance(message := message_in(entry), Readings):
            found = (entry.device, entry.epoch, message.first, message.count)
    if found != (run.device, run.epoch, run.first, run.count):
        reason = f"readings {run.first} to {run.first + run.count - 1} of {run.device.hex()} are not at leaf {run.leaf}"
        raise QcotError(INDEX_DIFFERS, reason)


def _make(ledger: Reader, trust: Trust, leaf: int, place: tuple[int | None, int | None, bytes | None]) -> Evidence:
    raw = ledger.leaf(leaf)
    bridge = transactions.parse(raw).bridge
    header = ledger.header_closing(leaf)
    signed = ledger.signed()
    if header is None or signed is None or signed.size <= header.core.tree_size:
        raise QcotError(NOT_CLOSED_YET, f"no Qblock with a checkpoint covers leaf {leaf}")
    if bridge not in trust.bridges:
        raise QcotError(BRIDGE_NOT_TRUSTED, f"no key of bridge {bridge} was given")
    if header.core.first_leaf > leaf:
        raise QcotError(INDEX_DIFFERS, f"the Qblock that closed leaf {leaf} is not where it should be")
    proofs = [_proof(ledger, index, signed) for index in (leaf, header.core.tree_size)]
    return Evidence(raw, *place, proofs[0], header.raw, proofs[1], bridge, trust.bridges[bridge], trust.gateway)


def _proof(ledger: Reader, index: int, signed: Checkpoint) -> Proof:
    return Proof(index, tuple(merkle.inclusion_path(index, signed.size, ledger.node)), signed)


def parse(data: bytes) -> Evidence:
    """Read an evidence file; raises `bad-evidence` for its form, or by name for the proofs and keys in it."""
    if len(data) > MAX_BYTES:
        _refuse(f"{len(data)} bytes, at most {MAX_BYTES} are taken")
    try:
        members = json.loads(data.decode(), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise QcotError(BAD_EVIDENCE, f"not JSON: {error}") from error
    if not isinstance(members, dict) or members.get("format") != FORMAT:
        _refuse(f"format is not {FORMAT}")
    if members.keys() != set(MEMBERS):
        _refuse(f"members must be {', '.join(MEMBERS)} and no other")
    entry, reading, link = members["entry"], members["reading"], members["link_before"]
    if not (entry is None is reading) and not (_is_index(entry) and _is_index(reading)):
        _refuse("entry and reading must both be null, or both numbers from 0")
    if link is not None and (entry is None or len(_bytes(link, "link_before")) != LINK_SIZE):
        _refuse(f"link_before must be {LINK_SIZE} bytes, and null where reading is")
    bridge = members["bridge"]
    if not isinstance(bridge, dict) or bridge.keys() != set(_BRIDGE_MEMBERS) or bridge["algorithm"] != ML_DSA_65.name:
        _refuse(f"bridge must have name, algorithm {ML_DSA_65.name} and public_key")
    return Evidence(
        transaction=_bytes(members["transaction"], "transaction"),
        entry=entry,
        reading=reading,
        link_before=None if link is None else _bytes(link, "link_before"),
        transaction_proof=checkpoint.parse_proof(_text(members["transaction_proof"], "transaction_proof")),
        qblock=_bytes(members["qblock"], "qblock"),
        qblock_proof=checkpoint.parse_proof(_text(members["qblock_proof"], "qblock_proof")),
        bridge_name=_text(bridge["name"], "bridge name"),
        bridge_key=PublicKey(ML_DSA_65, _bytes(bridge["public_key"], "bridge public_key")),
        gateway=VerifierKey.parse(_text(members["gateway"], "gateway")),
    )


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member comes twice")
    return members


def _is_index(value: Any) -> bool:
    return type(value) is int and 0 <= value < transactions.MAX_ENTRIES


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        _refuse(f"{what} is not text")
    return value


def _bytes(value: Any, what: str) -> bytes:
    try:
        raw = b64decode(_text(value, what), validate=True)
    except ValueError as error:
        raise QcotError(BAD_EVIDENCE, f"{what} is not base64") from error
    if _base64(raw) != value:
        _refuse(f"{what} is not the base64 of anything")
    return raw


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _refuse(reason: str) -> NoReturn:
    raise QcotError(BAD_EVIDENCE, reason)
