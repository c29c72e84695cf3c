"""Writes golden/*.qcot: good evidence files, and one for every way to be wrong, named by its defect.

Run `PYTHONPATH=host/tests python host/tests/ledger/make_golden.py` after a change of the format; with the names of new
files it writes those alone. Keys and content are fixed; signatures are hedged, so the files differ from run to run, and
what they are refused for does not.
"""

import sys
import tempfile
from base64 import b64decode, b64encode
from binascii import crc_hqx
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from cbor2 import CBORTag
from golden_defects import DEFECTS
from ledger_site import AUTHORITY, BRIDGE_KEY, CHAIN, GATEWAY_CERTIFICATE, GATEWAY_KEY, SITE, START, Board, Site
from lms_board import LmsBoard
from qcot.certificates import certificate
from qcot.certificates.certificate import Claims, Role
from qcot.crypto import cbor, cose, merkle
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.ledger import anchor, attachments, checkpoint, evidence, proving, qblock, transactions
from qcot.ledger.checkpoint import Proof, VerifierKey
from qcot.ledger.clocks import Clock
from qcot.ledger.evidence import BoardProof, Evidence, Place, QblockProof
from qcot.ledger.qblock import Header
from qcot.ledger.trust import Trust
from qcot.ledger.witness import Witness
from qcot.link import keys
from qcot.quantum.qblock import phases_from
from trust_site import FROM, TO, Authority

FOLDER = Path(__file__).parent / "golden"
BLOCK_S = START // 1000 + 2
WITNESS_KEYS = {name: SigningKey(ML_DSA_44, bytes([0x30 + at]) * 32) for at, name in enumerate(("tower", "harbour"))}
QUORUM_CERTIFICATE = AUTHORITY.gateway(GATEWAY_KEY, quorum=2, cosigners=("tower", "harbour"))
WITNESSES = tuple(AUTHORITY.witness(key, name) for name, key in WITNESS_KEYS.items())
OTHER = Authority(SITE, number=1)
OTHER_GATEWAY = SigningKey(ML_DSA_44, b"\x11" * 32)
OVER, LATER = (FROM, BLOCK_S - 10), (BLOCK_S + 1000, TO)
ORIGIN = "qcot/lab/gateway"
BOARD = b"\x01" * 8, b"\x01" * 32
CRITICAL = {2: [-70000], -70000: 1}


@dataclass
class Made:
    """Honest ledgers, and what is made of them; the ledgers lie in ``folder``."""

    folder: Path

    @cached_property
    def honest(self) -> tuple[Evidence, Evidence, Evidence]:
        """Evidence for a reading, for a whole transaction, and for a reading of the next Qblock, one checkpoint."""
        site = Site()
        with site.open(self.folder / "honest") as ledger:
            site.append(ledger, [site.enrolment(), *(site.readings(b, frames=1) for b in site.boards * 2)])
            site.close(ledger)
            site.append(ledger, [site.readings(b, frames=1) for b in site.boards])
            site.close(ledger)
            device = site.boards[0].device
            return (
                proving.for_reading(ledger, site.trust, device, 1, 20),
                proving.for_transaction(ledger, site.trust, 1),
                proving.for_reading(ledger, site.trust, device, 1, 30),
            )

    @cached_property
    def good(self) -> Evidence:
        return self.honest[0]

    @cached_property
    def quorum(self) -> Evidence:
        """A log that needs two witnesses, which have cosigned."""
        site = Site()
        site.trust = Trust(AUTHORITY.root, SITE, (AUTHORITY.certificate, QUORUM_CERTIFICATE, *WITNESSES))
        path = self.folder / "quorum"
        with site.open(path) as ledger:
            site.append(ledger, [site.enrolment(), site.readings(site.boards[0])])
            text = site.close(ledger)
        vkeys = {name: VerifierKey(name, key.public_key) for name, key in WITNESS_KEYS.items()}
        for name, key in WITNESS_KEYS.items():
            witness = Witness.create(self.folder / f"{name}.sqlite", name, key)
            witness.add_log(site.log_key)
            with site.open(path) as ledger:
                line = witness.cosign(proving.consistency(ledger, 0, text), BLOCK_S + 60)
            attachments.store_cosignatures(path, str(line), vkeys)
        with site.open(path) as ledger:
            return proving.for_reading(ledger, site.trust, site.boards[0].device, 1, 3)

    @cached_property
    def anchored(self) -> tuple[Evidence, Evidence]:
        """A log of two Qblocks, the first of them anchored: evidence from before the anchor, and from after it."""
        site = Site()
        path = self.folder / "anchored"
        with site.open(path) as ledger:
            site.append(ledger, [site.enrolment(), site.readings(site.boards[0])])
            site.close(ledger)
            signed = ledger.signed()
            raw = anchor.build(
                AUTHORITY.root_key, origin=signed.origin, size=signed.size, root=signed.root, time=site.now + 9000
            )
            attachments.store_anchor(path, raw, AUTHORITY.root)
            site.append(ledger, [site.readings(site.boards[0]) for _ in range(3)])
            site.close(ledger)
            device = site.boards[0].device
            return (
                proving.for_reading(ledger, site.trust, device, 1, 3),
                proving.for_reading(ledger, site.trust, device, 1, 40),
            )

    @cached_property
    def signed(self) -> tuple[Evidence, Evidence]:
        """Evidence for a reading that the board itself signed for 17 readings later, and for what it signed then.

        The bridge has fitted the board's clock.
        """
        board, clock = Board(1, lms=LmsBoard()), Clock((START - 5000) * 1000, 4_000_000, 2300)
        site = Site([board])
        with site.open(self.folder / "signed") as ledger:
            site.append(ledger, [site.enrolment()])
            frames = [board.readings(14, clock), board.readings(3, clock), board.readings(14, clock)]
            site.append(ledger, [site.transaction(*frames, board.checkpoint())])
            site.close(ledger)
            return (
                proving.for_reading(ledger, site.trust, board.device, 1, 5),
                proving.for_checkpoint(ledger, site.trust, board.device, 1, 5),
            )

    def quick(self) -> dict[str, bytes]:
        """All files by name but those that the root key signs in, for a third of a second each time."""
        good = {"good-reading": self.good, "good-transaction": self.honest[1], "good-quorum": self.quorum}
        return _encoded(good, self._file(), self._certificates(), self._readings(), self._signed(), self._log())

    def all(self) -> dict[str, bytes]:
        """All files by name."""
        before, after = self.anchored
        as_issuer = Claims(Role.ISSUER, SITE, "bridge", BRIDGE_KEY.public_key, FROM, TO)
        signed = {
            "good-anchored": before,
            "good-anchor-before": after,
            "bridge-wrong-role": self._with(1, certificate.issue(AUTHORITY.root_key, as_issuer)),
        }
        made = self.quick() | _encoded(signed, self._anchors())
        assert made.keys() == DEFECTS.keys(), made.keys() ^ DEFECTS.keys()
        return made

    def _file(self) -> dict[str, Evidence | bytes]:
        good = self.good
        raw, text = good.encode(), str(good.proof)
        members = cbor.decode(raw, max_bytes=evidence.MAX_BYTES)
        long = text.replace("\n\n", 64 * f"\n{b64encode(bytes(32)).decode()}" + "\n\n", 1)
        return {
            "format-unknown": raw.replace(b"qcot-evidence/v2", b"qcot-evidence/v1"),
            "cut-off": raw[:-100],
            "byte-after-the-end": raw + b"\0",
            "member-missing": cbor.encode({key: value for key, value in members.items() if key != 8}),
            "member-twice": bytes([raw[0] + 1]) + raw[1:] + b"\x08\xf6",
            "length-indefinite": b"\xbf" + raw[1:] + b"\xff",
            "number-not-shortest": raw[:1] + b"\x18\x01" + raw[2:],
            "nested-too-deeply": raw[:-1] + b"\x81" * 40 + b"\0",
            "length-of-100-megabytes": raw[:-1] + b"\x5a\x06\x00\x00\x00",
            "path-too-long": replace(good, qblock=replace(good.qblock, path=(bytes(32),) * 64)),
            "proof-path-too-long": cbor.encode(members | {4: long}),
            "certificates-too-many": replace(good, certificates=(b"",) * 33),
            "root-algorithm-other": cbor.encode(members | {7: ["ML-DSA-44", members[7][1]]}),
            "transaction-header-critical": replace(good, transaction=with_header(good.transaction, CRITICAL)),
            "transaction-member-missing": replace(good, transaction=without_entries(good.transaction)),
            "qblock-member-missing": cbor.encode(members | {5: [without_key(members[5][0], 10), *members[5][1:]]}),
            "checkpoint-without-signature": cbor.encode(members | {4: text[: text.rindex("\u2014")]}),
        }

    def _certificates(self) -> dict[str, Evidence | bytes]:
        good, with_ = self.good, self._with
        issuer, bridge, _, _ = good.certificates
        claims = cbor.decode(certificate.parse(bridge).signed.payload)
        log = certificate.parse(GATEWAY_CERTIFICATE).log
        by_a_bridge = Claims(Role.GATEWAY, SITE, "gateway", GATEWAY_KEY.public_key, FROM, TO, log=log)
        same_serial = AUTHORITY.gateway(GATEWAY_KEY, serial=certificate.parse(bridge).serial)
        return {
            "root-other": replace(good, root=OTHER.root),
            "issuer-forged": with_(0, last_byte_changed(issuer)),
            "certificate-byte-changed": with_(1, last_byte_changed(bridge)),
            "certificate-cut-off": with_(1, bridge[:-1]),
            "certificate-claim-unknown": with_(1, certificate.FORM.sign(AUTHORITY.key, claims | {38: "x"})),
            "certificate-header-critical": with_(1, with_header(bridge, CRITICAL)),
            "certificate-other-site": with_(1, AUTHORITY.bridge(BRIDGE_KEY, site="elsewhere")),
            "issuer-missing": with_(0),
            "issuer-not-by-root": with_(0, OTHER.certificate),
            "certificate-by-a-bridge": with_(3, certificate.issue(BRIDGE_KEY, by_a_bridge)),
            "certificate-serial-twice": with_(3, same_serial),
            "certificate-outlives-issuer": with_(1, AUTHORITY.bridge(BRIDGE_KEY, span=(FROM, TO + 1))),
            "bridge-missing": with_(1),
            "bridge-expired": with_(1, AUTHORITY.bridge(BRIDGE_KEY, span=OVER)),
            "bridge-not-yet-valid": with_(1, AUTHORITY.bridge(BRIDGE_KEY, span=LATER)),
            "bridge-name-other": with_(1, AUTHORITY.bridge(BRIDGE_KEY, name="other")),
            "policy-foreign": with_(1, AUTHORITY.bridge(BRIDGE_KEY, policy="other")),
            "board-missing": with_(2),
            "board-expired": with_(2, AUTHORITY.board(*BOARD, span=OVER)),
            "board-not-yet-valid": with_(2, AUTHORITY.board(*BOARD, span=LATER)),
            "board-of-another-bridge": with_(2, AUTHORITY.board(*BOARD, bridge="other")),
            "good-board-of-bridge": with_(2, AUTHORITY.board(*BOARD, bridge="bridge")),
            "gateway-missing": with_(3),
            "gateway-expired": with_(3, AUTHORITY.gateway(GATEWAY_KEY, span=OVER)),
            "gateway-not-yet-valid": with_(3, AUTHORITY.gateway(GATEWAY_KEY, span=LATER)),
        }

    def _with(self, at: int, *instead: bytes) -> Evidence:
        """The good file with others in place of certificate ``at``: 0 issuer's, 1 bridge's, 2 board's, 3 gateway's."""
        held = self.good.certificates
        return replace(self.good, certificates=(*held[:at], *instead, *held[at + 1 :]))

    def _readings(self) -> dict[str, Evidence | bytes]:
        good, place, board = self.good, self.good.place, Board(1)
        frame = board.readings()
        broken = replace(frame, frame=frame.frame[:-1] + bytes([frame.frame[-1] ^ 1]))
        enrolled = replace(board.enrolment(), commitment=keys.commitment(board.device, b"x" * 32))
        return {
            "transaction-byte-changed": replace(good, transaction=flip_reading(good.transaction)),
            "reading-out-of-range": replace(good, place=replace(place, reading=14)),
            "entry-out-of-range": replace(good, place=replace(place, entry=7)),
            "entry-is-no-frame": self.told(Site().raw(*CHAIN, frame), Place(1, 0, None)),
            "link-before-other": replace(good, place=replace(place, link_before=last_byte_changed(place.link_before))),
            "frame-crc-wrong": self.told(Site().raw(broken), Place(0, 3, None)),
            "board-commitment-other": self.told(Site().raw(enrolled, frame), Place(1, 3, None)),
        }

    def _signed(self) -> dict[str, Evidence | bytes]:
        good, checkpointed = self.signed
        own, board, other = good.signed, certificate.parse(good.certificates[2]), LmsBoard(2)
        place = {"device": board.kid, "epoch": 1, "seq": 31, "link": bytes(32)}
        keyless = AUTHORITY.board(*BOARD)
        bare = (*good.certificates[:2], keyless, *good.certificates[3:])
        entry = transactions.parse(checkpointed.transaction).entries[-1]
        elsewhere = Site().raw(replace(entry, link=bytes(32)))
        clocked = cbor.decode(cose.parse(good.transaction, transactions.KIND).payload)
        clocked[6][0][5] = [0, 20_000_001, 0]
        fast = cose.sign(BRIDGE_KEY, transactions.KIND, cbor.encode(clocked), "default")
        clocked[6][0][4:] = [with_other_reading(clocked[6][0][4], good.place.reading)]
        made_up = cose.sign(BRIDGE_KEY, transactions.KIND, cbor.encode(clocked), "default")
        members = cbor.decode(good.encode(), max_bytes=evidence.MAX_BYTES)

        def with_(signature: bytes = own.signature, records: bytes = own.records) -> Evidence:
            return replace(good, signed=BoardProof(signature, records))

        return {
            "good-signed": good,
            "good-checkpoint": checkpointed,
            "good-clock": replace(good, signed=None),
            "signed-records-cut": with_(records=own.records[:-1]),
            "signed-null": cbor.encode(members | {9: None}),
            "clock-out-of-bounds": replace(good, transaction=fast),
            "signed-without-reading": replace(good, place=None),
            "checkpoint-with-reading": replace(checkpointed, place=replace(checkpointed.place, reading=1)),
            "signed-over-made-up-reading": replace(
                self.told(made_up, replace(good.place, link_before=None)), certificates=good.certificates, signed=own
            ),
            "signed-by-another-key": with_(other.sign(**place)),
            "signed-over-other-readings": with_(records=last_byte_changed(own.records)),
            "signed-less-one-reading": with_(records=own.records[:-9]),
            "signed-cut-off": with_(own.signature[:-1]),
            "signed-without-key": replace(good, certificates=bare),
            "checkpoint-of-another-link": replace(
                self.told(elsewhere, Place(0, 0, None)), certificates=good.certificates
            ),
        }

    def told(
        self, raw: bytes, place: Place | None, *, forge: Callable[[Header], Header] = lambda header: header,
        origin: str = ORIGIN, stamp: int = BLOCK_S, gateway: SigningKey = GATEWAY_KEY,
    ) -> Evidence:  # fmt: skip
        """What a gateway could hand out that takes every transaction, and forges headers."""
        tree, _ = merkle.Frontier().append(merkle.leaf_hash(raw))
        core = qblock.Core(0, qblock.NO_PREVIOUS, 1, tree.root(), 0, 1, BLOCK_S * 1000, "gateway")
        header = forge(qblock.close(core, [], core.time, shots=64, seed=7))
        leaves = [merkle.leaf_hash(raw), merkle.leaf_hash(header.raw)]
        tree, _ = tree.append(leaves[1])
        text = checkpoint.sign(gateway, origin, origin=origin, size=2, root=tree.root(), stamp=stamp)
        proof = Proof(0, (leaves[1],), checkpoint.parse(text))
        return Evidence(
            raw, place, proof, QblockProof(header.raw, 1, (leaves[0],)), self.good.certificates, AUTHORITY.root
        )

    def _log(self) -> dict[str, Evidence | bytes]:
        good, later, quorum = self.good, self.honest[2], self.quorum
        proof, signed, closing = good.proof, good.proof.checkpoint, good.qblock
        reading = Board(1).readings()
        stranger = checkpoint.sign(
            OTHER_GATEWAY, ORIGIN, origin=ORIGIN, size=signed.size, root=signed.root, stamp=BLOCK_S
        )
        lines = quorum.proof.checkpoint.signatures
        head = quorum.proof.checkpoint.text.partition("\n\n")[0] + "\n\n"
        twice = checkpoint.cosign(
            WITNESS_KEYS["tower"], "harbour", origin=ORIGIN, size=quorum.proof.checkpoint.size,
            root=quorum.proof.checkpoint.root, stamp=BLOCK_S + 60,
        )  # fmt: skip

        def cosigned(*chosen: checkpoint.SignatureLine, swap: dict[bytes, bytes] | None = None) -> Evidence:
            held = tuple((swap or {}).get(each, each) for each in quorum.certificates)
            return replace(under(quorum, head + "".join(map(str, chosen))), certificates=held)

        unnamed = AUTHORITY.gateway(GATEWAY_KEY, quorum=2, cosigners=("tower", "lighthouse"))
        tower = WITNESS_KEYS["tower"]
        return {
            "inclusion-path-changed": replace(good, proof=replace(proof, path=(bytes(32), *proof.path[1:]))),
            "inclusion-path-longer": replace(good, proof=replace(proof, path=(*proof.path, bytes(32)))),
            "index-changed": replace(good, proof=replace(proof, index=proof.index + 1)),
            "index-beyond-the-tree": replace(good, proof=replace(proof, index=signed.size)),
            "qblock-index-beyond-the-tree": replace(good, qblock=replace(closing, index=1 << 40)),
            "qblock-path-changed": replace(good, qblock=replace(closing, path=(bytes(32), *closing.path[1:]))),
            "checkpoint-of-another-tree": under(good, quorum.proof.checkpoint.text),
            "checkpoint-of-another-log": self.told(Site().raw(reading), Place(0, 3, None), origin="qcot/lab/other"),
            "checkpoint-of-another-gateway": under(good, stranger),
            "cosignature-time-changed": under(good, later_by_an_hour(signed.text)),
            "quorum-less-one": cosigned(*lines[:2]),
            "quorum-by-one-key-twice": cosigned(
                *lines[:2], twice, swap={WITNESSES[1]: AUTHORITY.witness(tower, "harbour")}
            ),
            "witness-not-named": cosigned(*lines, swap={QUORUM_CERTIFICATE: unnamed}),
            "witness-expired": cosigned(*lines, swap={WITNESSES[0]: AUTHORITY.witness(tower, "tower", span=OVER)}),
            "witness-not-yet-valid": cosigned(
                *lines, swap={WITNESSES[0]: AUTHORITY.witness(tower, "tower", span=LATER)}
            ),
            "witness-signature-forged": under(quorum, later_by_an_hour(quorum.proof.checkpoint.text)),
            "qblock-closes-other-run": replace(good, qblock=later.qblock),
            "qblock-later-than-checkpoint": self.told(Site().raw(reading), Place(0, 3, None), stamp=BLOCK_S - 1),
            "qblock-walk-hash-forged": self.told(Site().raw(reading), Place(0, 3, None), forge=other_walk_hash),
            "qblock-phase-forged": self.told(Site().raw(reading), Place(0, 3, None), forge=other_phase),
        }

    def _anchors(self) -> dict[str, Evidence | bytes]:
        good = self.anchored[0]
        found = anchor.parse(good.anchor.statement)

        def by(key: SigningKey, origin: str = found.origin, root: bytes = found.root) -> Evidence:
            return stating(anchor.build(key, origin=origin, size=found.size, root=root, time=found.time))

        def stating(raw: bytes) -> Evidence:
            return replace(good, anchor=replace(good.anchor, statement=raw))

        path, members = good.anchor.path, cbor.decode(found.signed.payload)
        return {
            "anchor-by-another": by(OTHER.root_key),
            "anchor-of-another-log": by(AUTHORITY.root_key, origin="qcot/lab/other"),
            "anchor-of-another-tree": by(AUTHORITY.root_key, root=bytes(32)),
            "anchor-path-changed": replace(good, anchor=replace(good.anchor, path=(*path[:-1], bytes(32)))),
            "anchor-path-missing": replace(good, anchor=replace(good.anchor, path=())),
            "anchor-header-critical": stating(with_header(good.anchor.statement, CRITICAL)),
            "anchor-version-unknown": stating(
                cose.sign(AUTHORITY.root_key, anchor.KIND, cbor.encode(members | {1: 2}))
            ),
            "anchor-cut-off": stating(good.anchor.statement[:-1]),
        }


def _encoded(*parts: dict[str, Evidence | bytes]) -> dict[str, bytes]:
    files = {name: each for part in parts for name, each in part.items()}
    return {name: each if isinstance(each, bytes) else each.encode() for name, each in files.items()}


def with_header(raw: bytes, more: dict) -> bytes:
    """A COSE_Sign1 with further labels in its protected header."""
    protected, *rest = cbor.decode(raw, tags=(18,)).value
    return cbor.encode(CBORTag(18, [cbor.encode(cbor.decode(protected) | more), *rest]))


def without_key(raw: bytes, key: int) -> bytes:
    """A map without one of its keys."""
    return cbor.encode({each: value for each, value in cbor.decode(raw).items() if each != key})


def without_entries(raw: bytes) -> bytes:
    """A transaction without its entries, signed."""
    signed = cose.parse(raw, transactions.KIND)
    return cose.sign(BRIDGE_KEY, transactions.KIND, without_key(signed.payload, 6), signed.policy)


def last_byte_changed(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def flip_reading(raw: bytes) -> bytes:
    """The value of a reading is changed; its chain, and so the frame, would have to be made anew."""
    at = raw.index((500 + 20 % 7).to_bytes(4, "little"))
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def with_other_reading(frame: bytes, reading: int) -> bytes:
    """The value of ``reading`` is changed and the CRC made anew; the link is the one that the board signed."""
    at = 6 + 5 + 9 * reading + 5
    changed = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 : -2]
    return changed + crc_hqx(changed, 0xFFFF).to_bytes(2, "little")


def under(given: Evidence, text: str) -> Evidence:
    """The same under another checkpoint."""
    return replace(given, proof=replace(given.proof, checkpoint=checkpoint.parse(text)))


def later_by_an_hour(text: str) -> str:
    """The last cosignature claims to be from an hour later."""
    head, encoded = text[:-1].rsplit(" ", 1)
    raw = b64decode(encoded)
    stamp = int.from_bytes(raw[4:12], "big") + 3600
    return f"{head} {b64encode(raw[:4] + stamp.to_bytes(8, 'big') + raw[12:]).decode()}\n"


def other_walk_hash(header: Header) -> Header:
    qhash = last_byte_changed(header.quantum.qhash)
    phases = phases_from(qhash, header.quantum.phases.t_ms)
    return qblock.parse(qblock.build(header.core, replace(header.quantum, qhash=qhash, phases=phases)))


def other_phase(header: Header) -> Header:
    phases = replace(header.quantum.phases, h=header.quantum.phases.h ^ 1 << 52)
    return qblock.parse(qblock.build(header.core, replace(header.quantum, phases=phases)))


def main() -> None:
    """Write the files: all of them, or with names those alone."""
    FOLDER.mkdir(exist_ok=True)
    only = set(sys.argv[1:])
    for old in FOLDER.iterdir():
        if not only:
            old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in Made(Path(folder)).all().items():
            if not only or name in only:
                (FOLDER / f"{name}.qcot").write_bytes(data)


if __name__ == "__main__":
    main()
