"""Evidence: a file made from a ledger holds; every defect is refused at its step, by its name."""

import importlib.util
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_site import AUTHORITY, BRIDGE_CERTIFICATE, BRIDGE_KEY, GATEWAY_CERTIFICATE, SITE, Board, Site
from make_golden import BLOCK_S, DEFECTS, FOLDER, OTHER, WITNESS_KEYS, Made
from qcot.certificates import certificate, revocation
from qcot.crypto import cbor, cose
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.ledger import anchor, checkpoint, evidence, proving, report
from qcot.ledger.case import Given
from qcot.ledger.checkpoint import SignatureLine, VerifierKey
from qcot.ledger.evidence import AnchorProof, Place
from qcot.ledger.transactions import StatementEntry
from qcot.ledger.trust import Trust
from qcot.link import chain, messages

GOLDEN = {name: (FOLDER / f"{name}.qcot").read_bytes() for name in DEFECTS}
GOOD = GOLDEN["good-reading"]
MEMBERS = cbor.decode(GOOD, max_bytes=evidence.MAX_BYTES)
STEPS = [
    "format", "authority", "certificates", "transaction", "reading", "board", "own signature", "inclusion",
    "checkpoint", "witnesses", "Qblock", "walk hash", "anchor",
]  # fmt: skip
PAGE = Path(__file__).parents[3] / "docs" / "evidence.md"
ALONE = Path(__file__).parents[3] / "examples" / "verify_evidence.py"
sys.path.append(str(ALONE.parent))
_spec = importlib.util.spec_from_file_location("verify_evidence", ALONE)
alone = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(alone)
alone.walk_hash = cache(alone.walk_hash)  # half a second each, of a few headers


def verdict(data: bytes, known: Given | None = None) -> tuple[str, str] | None:
    checked = report.check(data, known)
    assert checked.holds == (checked.failure is None)
    if checked.failure is None:
        assert [step.name for step in checked.steps] == STEPS
        return None
    assert checked.steps[-1] is checked.failure
    return checked.failure.name, checked.failure.problem.name


def alone_holds(data: bytes, root: str | None = None, revocations: tuple[bytes, ...] = ()) -> bool:
    """The verdict of the second verifier, which has nothing of this package and refuses by raising anything."""
    try:
        return len(list(alone.check(data, root, list(revocations)))) > 0
    except Exception:
        return False


@pytest.mark.parametrize("name", DEFECTS)
def test_a_golden_file_holds_or_fails_at_its_step_by_its_name(name):
    assert verdict(GOLDEN[name]) == DEFECTS[name]


@pytest.mark.parametrize("name", DEFECTS)
def test_the_second_verifier_judges_every_golden_file_alike(name):
    assert alone_holds(GOLDEN[name]) == (DEFECTS[name] is None)


def test_there_is_a_file_for_every_defect_and_no_other():
    assert {file.name for file in FOLDER.iterdir()} == {f"{name}.qcot" for name in DEFECTS}


def test_every_name_on_the_page_has_a_file_at_its_step_and_every_file_its_name_on_the_page():
    """But for those about what the reader brings, a root and revocations, which have tests of their own below."""
    brought = {
        ("authority", "key-not-pinned"), ("certificates", "bad-revocation"), ("certificates", "revocation-forged"),
        ("certificates", "revocation-unauthorized"), ("transaction", "certificate-revoked"),
    }  # fmt: skip
    page = PAGE.read_text().partition("\n| step | holds when | else |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([\w ]+) \| .* \| (`[^|]*`) \|$", page, re.MULTILINE)
    named = {(step, name) for step, names in rows for name in re.findall(r"`([\w.-]+)`", names)}
    families = {(step, name.removesuffix("...")) for step, name in named if name.endswith("...")}
    known = {each for each in DEFECTS.values() if each} | brought
    assert [step for step, _ in rows] == STEPS
    assert {each for each in named - known if not each[1].endswith("...")} == set()
    assert {
        each for each in known - named if not any(each[0] == s and each[1].startswith(n) for s, n in families)
    } == set()


def test_files_made_today_are_judged_like_the_golden_ones(tmp_path):
    made = Made(tmp_path).quick()
    assert {name for name in DEFECTS.keys() - made.keys() if "anchor" not in name} == {"bridge-wrong-role"}
    assert {name: verdict(data) for name, data in made.items()} == {name: DEFECTS[name] for name in made}


def test_every_reading_of_a_ledger_has_evidence_that_says_what_the_board_sampled(closed, site):
    for board in site.boards:
        for seq in (0, 13, 14, 27, 55):
            data = proving.for_reading(closed, site.trust, board.device, 1, seq).encode()
            checked = report.check(data, Given(AUTHORITY.root))
            assert checked.holds
            facts = checked.facts
            assert (facts["device"], facts["epoch"], facts["seq"]) == (board.device.hex(), 1, seq)
            assert (facts["channel"], facts["value"], facts["board_time_ms"]) == (0, 500 + seq % 7, 10 * seq)
            assert (facts["site"], facts["bridge"], facts["log"]) == ("lab", "bridge", site.origin)
            assert facts["root_pinned"] is True


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE run SET entry = entry + 1",
        "UPDATE run SET entry = 99",
        "UPDATE run SET leaf = 1000000",
        "UPDATE run SET leaf = 0",
        "UPDATE run SET count = 20 WHERE first = 0",
        "UPDATE qblock SET leaf = 6 WHERE height = 0",
    ],
)
def test_an_index_that_is_wrong_never_proves_one_reading_by_another(closed, site, damage):
    with sqlite3.connect(closed.path) as raw:
        if "qblock" in damage:
            raw.execute("DELETE FROM qblock WHERE height = 1")
        raw.execute(damage)
    with pytest.raises(QcotError) as refused:
        proving.for_reading(closed, site.trust, site.boards[0].device, 1, 3)
    assert refused.value.problem.name == "index-differs"


def test_a_loss_is_told_as_one(ledger, site):
    board = Board(3)
    site.boards = [board]
    site.append(ledger, [site.enrolment()])
    records = chain.pack([chain.Reading(0, 77, chain.LOST, 12)])
    entry = board.entry(messages.Readings(0, records, chain.extend(board.link, 0, records)))
    site.append(ledger, [site.transaction(entry)])
    site.close(ledger)
    checked = report.check(proving.for_reading(ledger, site.trust, board.device, 1, 0).encode())
    assert checked.holds
    assert "could not store 12 readings" in checked.steps[STEPS.index("reading")].says


def test_a_measurement_that_failed_is_told_as_one(ledger, site):
    board = Board(3)
    site.boards = [board]
    site.append(ledger, [site.enrolment()])
    records = chain.pack([chain.Reading(0, 77, chain.FAULT, chain.Fault.CHECKSUM << 8 | 9)])
    entry = board.entry(messages.Readings(0, records, chain.extend(board.link, 0, records)))
    site.append(ledger, [site.transaction(entry)])
    site.close(ledger)
    checked = report.check(proving.for_reading(ledger, site.trust, board.device, 1, 0).encode())
    assert checked.holds
    assert "channel 9 gave no value (checksum)" in checked.steps[STEPS.index("reading")].says


def test_what_is_not_there_or_not_closed_yet_has_no_evidence(closed, site):
    def refused(call, *arguments) -> str:
        with pytest.raises(QcotError) as caught:
            call(*arguments)
        return caught.value.problem.name

    board = site.boards[0]
    assert refused(proving.for_reading, closed, site.trust, board.device, 1, 10_000) == "no-such-reading"
    assert refused(proving.for_reading, closed, site.trust, bytes(8), 1, 0) == "no-such-reading"
    assert refused(proving.for_transaction, closed, site.trust, 3) == "no-such-reading"
    assert refused(proving.for_transaction, closed, site.trust, 99) == "no-such-reading"
    assert refused(proving.for_transaction, closed, site.trust, 7) == "not-closed-yet"
    assert refused(proving.for_reading, closed, site.trust, board.device, 1, board.seq - 1) == "not-closed-yet"
    assert refused(proving.for_transaction, closed, Trust(AUTHORITY.root, SITE), 1) == "certificate-unknown"


def test_a_reader_may_insist_on_witnesses_and_on_an_anchor_that_covers_the_reading():
    for name, reader, expected in (
        ("good-quorum", Given(witnesses=2), None),
        ("good-quorum", Given(witnesses=3), ("witnesses", "quorum-missing")),
        ("good-reading", Given(witnesses=1), ("witnesses", "quorum-missing")),
        ("good-anchored", Given(anchored=True), None),
        ("good-anchor-before", Given(anchored=True), ("anchor", "anchor-missing")),
        ("good-reading", Given(anchored=True), ("anchor", "anchor-missing")),
    ):
        assert verdict(GOLDEN[name], reader) == expected, (name, reader)


def test_a_named_root_must_be_that_of_the_file():
    kid = AUTHORITY.root.kid
    assert verdict(GOOD, Given(AUTHORITY.root)) is verdict(GOOD, Given(kid)) is None
    assert alone_holds(GOOD, kid.hex())
    for other in (OTHER.root, OTHER.root.kid):
        assert verdict(GOOD, Given(other)) == ("authority", "key-not-pinned")
    assert not alone_holds(GOOD, OTHER.root.kid.hex())


def test_without_a_named_root_it_is_said_that_the_root_is_only_claimed():
    says = {step.name: step.says for step in report.check(GOOD).steps}["authority"]
    assert "only what the file claims" in says
    assert report.check(GOOD).facts["root_pinned"] is False


@pytest.mark.parametrize(
    ("revoked", "after", "expected"),
    [
        (BRIDGE_CERTIFICATE, -1, ("transaction", "certificate-revoked")),
        (BRIDGE_CERTIFICATE, 0, ("transaction", "certificate-revoked")),
        (BRIDGE_CERTIFICATE, 1, None),
        (Board(1).certificate, 0, ("board", "certificate-revoked")),
        (Board(2).certificate, 0, None),
        (GATEWAY_CERTIFICATE, 0, ("checkpoint", "certificate-revoked")),
        (GATEWAY_CERTIFICATE, 3600, None),
    ],
)
def test_a_revocation_that_the_reader_brings_counts_from_its_time_on(revoked, after, expected):
    # The file's own certificate of this holder: those that these tests make today have other serials.
    same = next((each for each in MEMBERS[6] if certificate.parse(each).kid == certificate.parse(revoked).kid), revoked)
    raw = AUTHORITY.revoke(same, reason="ceased", time=BLOCK_S + after)
    assert verdict(GOOD, Given(revocations=(raw,))) == expected
    assert alone_holds(GOOD, None, (raw,)) == (expected is None)


def test_a_revocation_counts_only_from_whoever_may_revoke():
    bridge, issuer = MEMBERS[6][1], MEMBERS[6][0]
    foreign = OTHER.revoke(bridge)
    assert verdict(GOOD, Given(revocations=(foreign,))) == ("certificates", "revocation-unauthorized")
    by_issuer = AUTHORITY.revoke(issuer)
    assert verdict(GOOD, Given(revocations=(by_issuer,))) == ("certificates", "revocation-unauthorized")
    by_root = AUTHORITY.revoke(issuer, key=AUTHORITY.root_key)
    assert verdict(GOOD, Given(revocations=(by_root,))) == ("transaction", "certificate-revoked")
    forged = by_root[:-1] + bytes([by_root[-1] ^ 1])
    assert verdict(GOOD, Given(revocations=(forged,))) == ("certificates", "revocation-forged")
    whim = {1: 1, 2: SITE, 3: certificate.parse(bridge).serial, 4: BLOCK_S, 5: "whim"}
    without_reason = revocation.FORM.sign(AUTHORITY.key, whim)
    assert verdict(GOOD, Given(revocations=(without_reason,))) == ("certificates", "bad-revocation")
    assert verdict(GOOD, Given(revocations=(b"x",))) == ("certificates", "bad-cbor")
    assert not any(
        alone_holds(GOOD, None, (each,)) for each in (foreign, by_issuer, by_root, forged, without_reason, b"x")
    )


def test_revocations_count_alike_in_whatever_order_and_company_they_come():
    """A second, milder one takes nothing back; who signed one is not judged by the others."""
    bridge, issuer = MEMBERS[6][1], MEMBERS[6][0]
    spoilt = AUTHORITY.revoke(issuer, key=AUTHORITY.root_key, time=BLOCK_S - 2)
    milder = AUTHORITY.revoke(issuer, "superseded", key=AUTHORITY.root_key, time=BLOCK_S - 1)
    later = AUTHORITY.revoke(issuer, key=AUTHORITY.root_key, time=BLOCK_S + 10)
    last = AUTHORITY.revoke(bridge, "ceased", time=BLOCK_S + 20)
    revoked = ("transaction", "certificate-revoked")
    for some, expected in (((spoilt, milder), revoked), ((milder,), None), ((later, last), None)):
        for given_ in (some, some[::-1]):
            assert verdict(GOOD, Given(revocations=given_)) == expected
            assert alone_holds(GOOD, None, given_) == (expected is None)


def test_one_good_certificate_of_a_holder_is_enough():
    """Another one of the same key that was revoked, or is for another name, takes nothing away."""
    given_ = evidence.parse(GOOD)
    others = AUTHORITY.bridge(BRIDGE_KEY), AUTHORITY.bridge(BRIDGE_KEY, name="renamed")
    revoked = AUTHORITY.revoke(others[0], "superseded")
    data = replace(given_, certificates=(*given_.certificates, *others)).encode()
    assert verdict(data, Given(revocations=(revoked,))) is None
    assert alone_holds(data, None, (revoked,))


def test_a_witness_counts_once_however_many_keys_it_has():
    given_ = evidence.parse(GOLDEN["good-quorum"])
    head, second = given_.proof.checkpoint, WITNESS_KEYS["harbour"]
    line = checkpoint.cosign(second, "tower", origin=head.origin, size=head.size, root=head.root, stamp=BLOCK_S)
    rest = [each for each in given_.certificates if certificate.parse(each).name != "harbour"]
    proof = replace(given_.proof, checkpoint=checkpoint.parse(f"{head.text}{line}"))
    data = replace(given_, proof=proof, certificates=(*rest, AUTHORITY.witness(second, "tower"))).encode()
    assert verdict(data) == ("witnesses", "quorum-missing")
    assert not alone_holds(data)


def test_evidence_has_the_certificate_that_the_transaction_was_signed_under(closed, site):
    """The newest of the key may name another policy or bridge: both held, and the gateway took either."""
    others = AUTHORITY.bridge(BRIDGE_KEY, policy="research"), AUTHORITY.bridge(BRIDGE_KEY, name="renamed")
    site.append(closed, [site.transaction(StatementEntry(each)) for each in others])
    site.append(closed, [site.transaction(site.boards[0].readings(), policy="research")])
    site.close(closed)
    for seq in (0, site.boards[0].seq - 1):
        data = proving.for_reading(closed, site.trust, site.boards[0].device, 1, seq).encode()
        assert verdict(data) is None
        assert alone_holds(data)


def test_the_log_that_a_stolen_issuing_key_makes_up_has_no_anchor_and_falls_with_the_key(tmp_path):
    """It certifies a bridge and a gateway of the thief's, which needs no witnesses; the root signs nothing for it."""
    made = Made(tmp_path)
    bridge, gateway = SigningKey(ML_DSA_65, b"\x71" * 32), SigningKey(ML_DSA_44, b"\x72" * 32)
    log = made.told(Site().raw(Board(1).readings(), key=bridge), Place(0, 3, None), gateway=gateway)
    issuer, _, board, _ = MEMBERS[6]
    log = replace(log, certificates=(issuer, AUTHORITY.bridge(bridge), board, AUTHORITY.gateway(gateway)))
    assert verdict(log.encode()) is None
    assert alone_holds(log.encode())
    assert "anchored" not in report.check(log.encode()).facts
    head = log.proof.checkpoint
    by_issuer = cbor.encode({1: 1, 2: head.origin, 3: head.size, 4: head.root, 5: BLOCK_S * 1000})
    kind = replace(anchor.KIND, others=(ML_DSA_44,))
    for statement, name in (
        (cose.sign(AUTHORITY.key, kind, by_issuer), "bad-cose"),
        (evidence.parse(GOLDEN["good-anchored"]).anchor.statement, "not-consistent"),
    ):
        anchored = replace(log, anchor=AnchorProof(statement, ())).encode()
        assert verdict(anchored) == ("anchor", name)
        assert not alone_holds(anchored)
    fallen = Given(revocations=(AUTHORITY.revoke(issuer, key=AUTHORITY.root_key),))
    assert verdict(log.encode(), fallen) == ("transaction", "certificate-revoked")


PROOF = MEMBERS[4]
BEFORE, HEAD, LINES = PROOF.split("\n\n")


@pytest.mark.parametrize(
    "changed",
    [
        {4: PROOF.replace("\nindex", "\nextra !!!\nindex", 1)},
        {4: f"{BEFORE}\n\n{HEAD}\nexten\tsion\n\n{LINES}"},
        {4: f"{PROOF}\u2014 other AAAA\n"},
        {4: f"{PROOF}\u2014 ot\u00a0her AAAAAAAA\n"},
        {4: f"{PROOF}\u2014 other {'AAAA' * 40_000}\n"},
        {6: dict.fromkeys(MEMBERS[6])},
        {7: dict.fromkeys(MEMBERS[7])},
        {8: False},
        {8: None, "last": 8.0},
    ],
    ids=range(9),
)
def test_what_nobody_signed_has_one_form_too_and_both_verifiers_insist_on_it(changed):
    members = MEMBERS | changed
    last = members.pop("last", 8)
    data = cbor2.dumps({**{key: members[key] for key in range(1, 8)}, last: members[8]}, canonical=True)
    assert verdict(data)[0] == "format"
    assert not alone_holds(data)


def test_a_line_by_a_gateway_that_comes_after_the_one_that_signed_is_not_looked_at():
    given_ = evidence.parse(GOOD)
    other = SigningKey(ML_DSA_44, b"\x77" * 32)
    junk = SignatureLine(
        given_.proof.checkpoint.origin,
        VerifierKey(given_.proof.checkpoint.origin, other.public_key).key_id,
        bytes(2428),
    )
    proof = replace(given_.proof, checkpoint=checkpoint.parse(f"{given_.proof.checkpoint.text}{junk}"))
    data = replace(given_, proof=proof, certificates=(*given_.certificates, AUTHORITY.gateway(other))).encode()
    assert verdict(data) is None
    assert alone_holds(data)


def test_the_file_alone_is_enough(tmp_path):
    (tmp_path / "e.qcot").write_bytes(GOOD)
    program = (
        "import sys; from pathlib import Path; from qcot.ledger.report import check\n"
        "print(check(Path(sys.argv[1]).read_bytes()).holds, 'qiskit' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "e.qcot")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env={}, cwd=tmp_path)
    assert ended.stdout.split() == ["True", "False"]


def test_the_second_verifier_is_short_and_has_nothing_of_this_package(tmp_path):
    files = (ALONE, ALONE.with_name("verify_board.py"))
    assert max(len(file.read_text().splitlines()) for file in files) < 300
    assert sum(len(file.read_text().splitlines()) for file in files) < 400
    root = AUTHORITY.root.kid.hex()
    program = (
        "import sys, runpy\nsys.modules['qcot'] = None  # cannot be imported\nsys.argv[:] = sys.argv[1:]\n"
        "sys.path.insert(0, sys.argv[0].rpartition('/')[0])\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    def run(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, str(ALONE), str(FOLDER / f"{name}.qcot"), root]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    good, bad = run("good-reading"), run("link-before-other")
    assert (good.returncode, bad.returncode, good.stderr) == (0, 1, "")
    assert len(good.stdout.splitlines()) == len(STEPS) - 1  # it has nothing to say of an anchor that is not there
    assert bad.stderr.startswith("DOES NOT HOLD: ")


def test_the_second_verifiers_walk_hash_is_that_of_the_page():
    expected = "0eacf75de03658af4afccf53bab1b00920fc1605233bc9f287d03a55ed70a9b8"  # docs/quantum/walk-hash.md
    assert alone.walk_hash(b"abc").hex() == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (2, None), (2, ""), (3, []), (3, [0, 0]), (3, [0, -1, None]), (3, ["0", 0, None]), (3, [0, 0, b"short"]),
        (4, b""), (4, None), (5, None), (5, []), (5, [b"", 0, [b"short"]]), (5, [b"", -1, []]), (5, [b"", 0, None]),
        (6, None), (6, [1]), (6, b""), (7, None), (7, []), (7, ["SLH-DSA-SHA2-128s", b"short"]), (8, []), (8, [b""]),
        (8, [b"", [None]]), (8, [None, []]), (1, 2), (9, None),
    ],
)  # fmt: skip
def test_a_member_of_another_form_is_refused(key, value):
    changed = cbor.encode(MEMBERS | {key: value})
    assert verdict(changed) == ("format", "bad-evidence")
    assert not alone_holds(changed)


@pytest.mark.parametrize("data", [b"", b"\xf6", b"\x80", b"\xa0", b"\xff\xfe", b"\x81" * 100_000, bytes(3 << 20)])
def test_bytes_that_are_no_evidence_are_refused(data):
    assert verdict(data) in (("format", "bad-evidence"), ("format", "bad-cbor"))
    assert not alone_holds(data)


def test_a_file_cut_off_anywhere_is_refused():
    for end in range(0, len(GOOD), 97):
        assert verdict(GOOD[:end]) == ("format", "bad-cbor")


def test_without_the_link_before_the_rest_still_holds():
    entry, reading, _ = MEMBERS[3]
    without = cbor.encode(MEMBERS | {3: [entry, reading, None]})
    assert verdict(without) is None
    assert alone_holds(without)


def test_the_first_reading_of_an_epoch_must_follow_from_its_genesis(closed, site):
    made = proving.for_reading(closed, site.trust, site.boards[0].device, 1, 0)
    assert made.place.link_before == Board(1).link
    assert verdict(made.encode()) is None
    other = replace(made.place, link_before=bytes(32))
    assert verdict(replace(made, place=other).encode()) == ("reading", "chain-broken")


@settings(max_examples=100)
@given(st.data())
def test_no_changed_byte_of_a_good_file_is_taken_for_good_by_either_verifier_unless_it_says_the_same(data):
    good = GOLDEN[data.draw(st.sampled_from(["good-reading", "good-signed", "good-checkpoint"]))]
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    assert alone_holds(changed) == (verdict(changed) is None)
    if verdict(changed) is None:
        said, before = report.check(changed).facts, report.check(good).facts
        places = [cbor.decode(each, max_bytes=1 << 20)[3] for each in (changed, good)]
        assert said == before or places[0] != places[1]


@given(st.data())
def test_no_change_of_what_a_board_signed_is_taken_by_either_verifier(data):
    """Where most bytes of a file are others', those of the signature and of what leads to it are all tried often."""
    members = cbor.decode(GOLDEN["good-signed"], max_bytes=evidence.MAX_BYTES)
    signature, records = members[9]
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(signature) - 1))
        signature = signature[:at] + bytes([signature[at] ^ data.draw(st.integers(1, 255))]) + signature[at + 1 :]
    else:
        at, much = data.draw(st.integers(0, len(records))), data.draw(st.binary(max_size=27))
        records = records[:at] + much + records[at + data.draw(st.integers(0, 27)) :]
    changed = cbor.encode(members | {9: [signature, records]})
    is_same = [signature, records] == members[9]
    assert (verdict(changed) is None) == alone_holds(changed) == is_same


def test_evidence_reads_back():
    for name in ("good-reading", "good-transaction", "good-quorum", "good-anchored", "good-signed", "good-checkpoint"):
        assert evidence.parse(GOLDEN[name]).encode() == GOLDEN[name]


def test_a_bridge_certified_again_since_keeps_its_evidence(closed, site):
    """The newest certificate of the key begins only after the Qblock; the one that held then is the one to show."""
    later = AUTHORITY.bridge(BRIDGE_KEY, span=(BLOCK_S + 1000, 4_000_000_000))
    trust = replace(site.trust, certificates=(*site.trust.certificates, later))
    made = proving.for_reading(closed, trust, site.boards[0].device, 1, 3)
    assert BRIDGE_CERTIFICATE in made.certificates
    assert verdict(made.encode()) is None
