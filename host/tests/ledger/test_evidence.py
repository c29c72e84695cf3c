"""Evidence: a file made from a ledger holds; every defect is refused at its step, by its name."""

import json
import sqlite3
import subprocess
import sys
from base64 import b64decode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_site import BRIDGE_KEY, Board
from make_golden import DEFECTS, FOLDER, OTHER_BRIDGE, OTHER_GATEWAY, make
from qcot.errors import QcotError
from qcot.ledger import evidence, report
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.report import Pins
from qcot.link import chain, messages

GOOD = (FOLDER / "good-reading.qcot.json").read_bytes()
STEPS = ["format", "transaction signature", "reading", "inclusion", "checkpoint signature", "Qblock", "walk hash"]


def verdict(data: bytes, pins: Pins | None = None) -> tuple[str, str] | None:
    checked = report.check(data, pins)
    assert checked.holds == (checked.failure is None)
    if checked.failure is None:
        assert [step.name for step in checked.steps] == STEPS
        return None
    assert checked.steps[-1] is checked.failure
    return checked.failure.name, checked.failure.problem.name


@pytest.mark.parametrize("name", DEFECTS)
def test_a_golden_file_holds_or_fails_at_its_step_by_its_name(name):
    assert verdict((FOLDER / f"{name}.qcot.json").read_bytes()) == DEFECTS[name]


def test_there_is_a_file_for_every_defect_and_no_other():
    assert {file.name for file in FOLDER.iterdir()} == {f"{name}.qcot.json" for name in DEFECTS}


def test_files_made_today_are_judged_like_the_golden_ones(tmp_path):
    assert {name: verdict(data) for name, data in make(tmp_path).items()} == DEFECTS


def test_every_reading_of_a_ledger_has_evidence_that_says_what_the_board_sampled(closed, site):
    for board in site.boards:
        for seq in (0, 13, 14, 27, 55):
            data = evidence.for_reading(closed, site.trust, board.device, 1, seq).to_json()
            checked = report.check(data, Pins(site.trust.gateway, BRIDGE_KEY.public_key))
            assert checked.holds
            facts = checked.facts
            assert (facts["device"], facts["epoch"], facts["seq"]) == (board.device.hex(), 1, seq)
            assert (facts["channel"], facts["value"], facts["board_time_ms"]) == (0, 500 + seq % 7, 10 * seq)
            assert (facts["site"], facts["bridge"], facts["log"]) == ("lab", "bridge", site.origin)


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
        evidence.for_reading(closed, site.trust, site.boards[0].device, 1, 3)
    assert refused.value.problem.name == "index-differs"


def test_a_loss_is_told_as_one(ledger, site):
    board = Board(3)
    link = board.link
    ledger.append_transactions([site.transaction(board.enrolment())])
    records = chain.pack([chain.Reading(0, 77, chain.LOST, 12)])
    entry = board.entry(messages.Readings(0, records, chain.extend(link, 0, records)))
    ledger.append_transactions([site.transaction(entry)])
    site.close(ledger)
    checked = report.check(evidence.for_reading(ledger, site.trust, board.device, 1, 0).to_json())
    assert checked.holds
    assert "could not store 12 readings" in checked.steps[2].says


def test_what_is_not_there_or_not_closed_yet_has_no_evidence(closed, site):
    def refused(call, *arguments) -> str:
        with pytest.raises(QcotError) as caught:
            call(*arguments)
        return caught.value.problem.name

    board = site.boards[0]
    assert refused(evidence.for_reading, closed, site.trust, board.device, 1, 10_000) == "no-such-reading"
    assert refused(evidence.for_reading, closed, site.trust, bytes(8), 1, 0) == "no-such-reading"
    assert refused(evidence.for_transaction, closed, site.trust, 3) == "no-such-reading"
    assert refused(evidence.for_transaction, closed, site.trust, 99) == "no-such-reading"
    assert refused(evidence.for_transaction, closed, site.trust, 7) == "not-closed-yet"
    assert refused(evidence.for_reading, closed, site.trust, board.device, 1, board.seq - 1) == "not-closed-yet"
    strangers = type(site.trust)({}, site.trust.gateway)
    assert refused(evidence.for_transaction, closed, strangers, 1) == "bridge-not-trusted"


def test_pinned_keys_must_be_those_of_the_file():
    assert verdict(GOOD, Pins(bridge=OTHER_BRIDGE)) == ("transaction signature", "key-not-pinned")
    gateway = VerifierKey("gateway", OTHER_GATEWAY)
    assert verdict(GOOD, Pins(gateway=gateway)) == ("checkpoint signature", "key-not-pinned")


def test_the_file_alone_is_enough(tmp_path):
    (tmp_path / "e.qcot.json").write_bytes(GOOD)
    program = (
        "import sys; from pathlib import Path; from qcot.ledger.report import check\n"
        "print(check(Path(sys.argv[1]).read_bytes()).holds, 'qiskit' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "e.qcot.json")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env={}, cwd=tmp_path)
    assert ended.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("entry", None), ("entry", -1), ("entry", "0"), ("entry", True), ("entry", 5000), ("reading", None),
        ("link_before", "AAAA"), ("link_before", 7), ("transaction", None), ("transaction", "*"),
        ("transaction", "AB=="), ("transaction_proof", 1), ("gateway", None),
        ("qblock", []), ("bridge", {}), ("bridge", "name"),
        ("bridge", {"name": "b", "algorithm": "RSA", "public_key": ""}),
    ],
)  # fmt: skip
def test_a_member_of_another_form_is_refused(member, value):
    assert verdict(json.dumps(json.loads(GOOD) | {member: value}).encode()) == ("format", "bad-evidence")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{" + b" " * (4 << 20),
        b'{"format": "qcot-evidence/v1"}',
    ],
    ids=range(8),
)
def test_bytes_that_are_no_evidence_are_refused(data):
    assert verdict(data) == ("format", "bad-evidence")


@pytest.mark.parametrize("member", ["link_before", "transaction_proof", "bridge"])
def test_a_missing_or_a_further_member_is_refused(member):
    members = json.loads(GOOD)
    assert verdict(json.dumps(members | {"comment": "x"}).encode()) == ("format", "bad-evidence")
    del members[member]
    assert verdict(json.dumps(members).encode()) == ("format", "bad-evidence")


def test_without_the_link_before_the_rest_still_holds():
    assert verdict(json.dumps(json.loads(GOOD) | {"link_before": None}).encode()) is None


def test_the_first_reading_of_an_epoch_must_follow_from_its_genesis(closed, site):
    made = evidence.for_reading(closed, site.trust, site.boards[0].device, 1, 0)
    members = json.loads(made.to_json())
    assert b64decode(members["link_before"]) == Board(1).link
    assert verdict(made.to_json()) is None


@settings(max_examples=200)
@given(st.data())
def test_no_changed_byte_of_a_good_file_is_taken_for_good_unless_it_says_the_same(data):
    at = data.draw(st.integers(0, len(GOOD) - 1))
    changed = GOOD[:at] + bytes([data.draw(st.integers(0, 255))]) + GOOD[at + 1 :]
    if verdict(changed) is None:
        said, before = report.check(changed).facts, report.check(GOOD).facts
        assert said == before or json.loads(changed)["reading"] != json.loads(GOOD)["reading"]
