"""Writes golden/*.qcot.json: one good evidence file of each kind, and one for every defect, named by it.

Run `python host/tests/ledger/make_golden.py` after a change of the format. ML-DSA signs with fresh randomness, so the
files differ from run to run; what they are refused for does not.
"""

import json
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ledger_site import SITE, Site
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.ledger import closing, evidence, qblock
from qcot.ledger.checkpoint import Proof, VerifierKey
from qcot.ledger.evidence import Evidence
from qcot.ledger.store import Ledger

FOLDER = Path(__file__).parent / "golden"
OTHER_BRIDGE = SigningKey(ML_DSA_65, b"\x10" * 32).public_key
OTHER_GATEWAY = SigningKey(ML_DSA_44, b"\x11" * 32).public_key

DEFECTS: dict[str, tuple[str, str] | None] = {
    "good-reading": None,
    "good-transaction": None,
    "format-unknown": ("format", "bad-evidence"),
    "cut-off": ("format", "bad-evidence"),
    "member-twice": ("format", "bad-evidence"),
    "transaction-byte-changed": ("transaction signature", "bad-signature"),
    "bridge-key-other": ("transaction signature", "bad-signature"),
    "bridge-name-other": ("transaction signature", "bridge-differs"),
    "reading-out-of-range": ("reading", "bad-evidence"),
    "link-before-other": ("reading", "chain-broken"),
    "inclusion-path-changed": ("inclusion", "not-included"),
    "index-changed": ("inclusion", "not-included"),
    "cosignature-time-changed": ("checkpoint signature", "bad-signature"),
    "gateway-key-other": ("checkpoint signature", "checkpoint-unsigned"),
    "qblock-closes-other-run": ("Qblock", "not-covered"),
    "qblock-phase-forged": ("walk hash", "qblock-phase"),
}
"""Each file and the step and name that it is refused with; None where it holds."""


def make(folder: Path) -> dict[str, bytes]:
    """All files by name; ``folder`` takes the ledgers that they come from."""
    good, whole, later = honest(folder / "honest")
    text = good.to_json()
    proof = good.transaction_proof
    link = bytes([good.link_before[0] ^ 1]) + good.link_before[1:]
    path = (proof.path[0][::-1], *proof.path[1:])
    files = {
        "good-reading": text,
        "good-transaction": whole.to_json(),
        "format-unknown": text.replace(b"qcot-evidence/v1", b"qcot-evidence/v2"),
        "cut-off": text[:-100],
        "member-twice": text.replace(b' "entry"', b' "entry": 0,\n "entry"'),
        "transaction-byte-changed": edited(text, "transaction", flip_reading),
        "bridge-key-other": replace(good, bridge_key=OTHER_BRIDGE).to_json(),
        "bridge-name-other": replace(good, bridge_name="other").to_json(),
        "reading-out-of-range": replace(good, reading=14).to_json(),
        "link-before-other": replace(good, link_before=link).to_json(),
        "inclusion-path-changed": replace(good, transaction_proof=replace(proof, path=path)).to_json(),
        "index-changed": replace(good, transaction_proof=replace(proof, index=proof.index + 1)).to_json(),
        "cosignature-time-changed": with_other_time(good),
        "gateway-key-other": replace(good, gateway=VerifierKey("gateway", OTHER_GATEWAY)).to_json(),
        "qblock-closes-other-run": replace(good, qblock=later.qblock, qblock_proof=later.qblock_proof).to_json(),
        "qblock-phase-forged": forged_phase(folder / "forged"),
    }
    assert files.keys() == DEFECTS.keys()
    return files


def honest(path: Path) -> tuple[Evidence, Evidence, Evidence]:
    """Evidence for a reading, for a whole transaction, and for a reading of the next Qblock, under one checkpoint."""
    site = Site()
    with Ledger.open_or_create(path, site=SITE, origin=site.origin) as ledger:
        ledger.append_transactions([site.enrolment(), *(site.readings(b, frames=1) for b in site.boards * 2)])
        site.close(ledger)
        ledger.append_transactions([site.readings(b, frames=1) for b in site.boards])
        site.close(ledger)
        device = site.boards[0].device
        return (
            evidence.for_reading(ledger, site.trust, device, 1, 20),
            evidence.for_transaction(ledger, site.trust, 1),
            evidence.for_reading(ledger, site.trust, device, 1, 30),
        )


def forged_phase(path: Path) -> bytes:
    """A gateway that signs a Qblock whose phase does not follow from its walk hash."""
    site = Site()
    with Ledger.open_or_create(path, site=SITE, origin=site.origin) as ledger:
        ledger.append_transactions([site.enrolment(), site.readings(site.boards[0], frames=1)])
        core = ledger.next_core(site.now, "gateway")
        header = qblock.close(core, [], core.time, shots=64, seed=7)
        phases = replace(header.quantum.phases, h=header.quantum.phases.h ^ 1 << 52)
        ledger.append_qblock(qblock.parse(qblock.build(core, replace(header.quantum, phases=phases))))
        closing.sign_tree(ledger, site.bookkeeper)
        return evidence.for_reading(ledger, site.trust, site.boards[0].device, 1, 3).to_json()


def edited(text: bytes, member: str, change: Callable[[bytes], bytes]) -> bytes:
    members = json.loads(text)
    members[member] = b64encode(change(b64decode(members[member]))).decode()
    return json.dumps(members).encode()


def flip_reading(raw: bytes) -> bytes:
    """The value of a reading is changed; its chain, and so the frame, would have to be made anew."""
    at = raw.index((500 + 20 % 7).to_bytes(4, "little"))
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def with_other_time(good: Evidence) -> bytes:
    """The cosignature claims to be from an hour before."""
    head, encoded = good.transaction_proof.checkpoint.text[:-1].rsplit(" ", 1)
    raw = b64decode(encoded)
    stamp = int.from_bytes(raw[4:12], "big") - 3600
    text = f"{head} {b64encode(raw[:4] + stamp.to_bytes(8, 'big') + raw[12:]).decode()}\n"

    def under(proof: Proof) -> Proof:
        return replace(proof, checkpoint=replace(proof.checkpoint, text=text))

    changed = replace(good, transaction_proof=under(good.transaction_proof), qblock_proof=under(good.qblock_proof))
    return changed.to_json()


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in make(Path(folder)).items():
            (FOLDER / f"{name}.qcot.json").write_bytes(data)


if __name__ == "__main__":
    main()
