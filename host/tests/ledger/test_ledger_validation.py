"""The bookkeeper's validation in a Qblock header: its bytes, its bounds, and no key for two Qblocks."""

import hashlib
import uuid
from dataclasses import replace

import cbor2
import pytest
from ledger_site import Site
from qcot.crypto import cbor
from qcot.errors import QcotError
from qcot.ledger import closing, qblock
from qcot.ledger.qblock import Core
from qcot.ledger.reader import Reader
from qcot.ledger.store import Ledger
from qcot.ledger.validation import Validated
from qcot.ledger.verify import verify
from qcot.quantum.identity import validate
from qcot.quantum.qkd.store import Key, MemoryKeys

START = 1_790_000_000_000
RECORD = Validated("b1", bytes(range(16)), 128, 128, 2, 3, "aer_simulator_statevector", 77)


def header(record: Validated | None = RECORD) -> qblock.Header:
    core = Core(0, bytes(32), 3, b"r" * 32, 0, 3, START, "gateway")
    return qblock.close(core, [], START, shots=16, seed=1, validated=record)


def refusal(call, *arguments) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value.problem.name


def test_the_record_stands_in_the_header_as_the_format_says_and_reads_back():
    made = header()
    assert cbor2.loads(made.raw)[10][9] == [
        "b1", bytes(range(16)), 128, 128, 2, 3, "aer_simulator_statevector", 77
    ]  # fmt: skip
    assert qblock.parse(made.raw) == made
    assert made.quantum.validated == RECORD


def test_a_header_without_a_validation_still_reads_and_holds():
    made = header(None)
    assert 9 not in cbor2.loads(made.raw)[10]
    assert qblock.parse(made.raw).quantum.validated is None
    qblock.check_validation(made)


def test_the_record_does_not_change_what_the_walk_hash_is_of():
    assert header().quantum.qhash == header(None).quantum.qhash


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, ""), (0, "a b"), (0, 5), (0, "x" * 65), (1, b""), (1, bytes(15)), (1, "k"), (2, -1), (3, 1 << 63),
        (4, None),        (6, ""), (6, "x" * 129), (6, b"aer"), (7, -1), (7, "7"), (8, 0), (None, {}),
        (None, []), (None, None),
    ],
)  # fmt: skip
def test_a_record_that_is_not_as_the_format_says_is_refused(at, value):
    body = cbor.decode(header().raw)
    members = list(body[10][9])
    if at is None:
        body[10][9] = value
    else:
        members[at : at + 1] = [value]
        body[10][9] = members
    assert refusal(qblock.parse, cbor.encode(body)) == "bad-qblock"


@pytest.mark.parametrize(
    "change",
    [
        {"errors": 13}, {"mismatches": 25}, {"errors": 128}, {"pairs": 0}, {"pairs": 129}, {"checks": 0},
        {"pairs": 16, "mismatches": 4}, {"checks": 32, "errors": 4},
    ],
)  # fmt: skip
def test_counts_with_which_the_protocol_would_have_refused_are_refused(change):
    assert refusal(qblock.check_validation, header(replace(RECORD, **change))) == "qblock-validation"


@pytest.mark.parametrize("change", [{"errors": 12}, {"mismatches": 24}, {"pairs": 16, "checks": 32, "errors": 3}])
def test_counts_within_the_bounds_are_accepted(change):
    qblock.check_validation(header(replace(RECORD, **change)))


def keys(count: int) -> list[Key]:
    return [Key(uuid.UUID(int=number, version=4), bytes([number]) * 32) for number in range(count)]


class Validator:
    """Validates for real; with ``again`` it writes the first record into every header."""

    def __init__(self, again: bool = False):
        self.one, self.other = MemoryKeys(keys(9)), MemoryKeys(keys(9))
        self.again, self.records, self.about = again, [], []

    def __call__(self, height: int, record_hash: bytes) -> Validated:
        self.about.append((height, record_hash))
        self.records.append(Validated.of("b1", validate(self.one, self.other, record_hash, seed=height)))
        return self.records[0] if self.again else self.records[-1]


@pytest.fixture
def ledger(tmp_path):
    made = Site().open(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def filled(ledger: Ledger, validator: Validator) -> Site:
    site = Site()
    site.bookkeeper = replace(site.bookkeeper, validate=validator)
    site.fill(ledger, qblocks=3, transactions=1)
    return site


def test_each_qblock_holds_the_validation_about_its_own_core_and_the_ledger_verifies(ledger, tmp_path):
    validator = Validator()
    site = filled(ledger, validator)
    headers = [ledger.header(height) for height in range(3)]
    assert [each.quantum.validated for each in headers] == validator.records
    assert validator.about == [(each.core.height, hashlib.sha256(each.core.encode()).digest()) for each in headers]
    with Reader.open(tmp_path / "ledger.sqlite") as reader:
        assert verify(reader, site.trust).holds


def test_a_key_that_validated_two_bookkeepers_is_found(ledger, tmp_path, monkeypatch):
    monkeypatch.setattr(Ledger, "require_new_key", lambda *_: None)  # a gateway that does not look
    site = filled(ledger, Validator(again=True))
    with Reader.open(tmp_path / "ledger.sqlite") as reader:
        failure = verify(reader, site.trust).failure
    assert failure is not None
    assert (failure.problem.name, failure.what.split(", ")[1]) == ("qblock-validation", "Qblock 1")


def test_no_key_validates_a_second_bookkeeper_not_even_after_a_restart(ledger, tmp_path):
    site, validator = Site(), Validator(again=True)
    site.bookkeeper = replace(site.bookkeeper, validate=validator)
    site.fill(ledger, qblocks=1, transactions=1)
    site.append(ledger, [site.readings(*site.boards)])
    assert refusal(site.close, ledger) == "qblock-key-reused"
    assert (ledger.height(), ledger.unclosed) == (1, 1)
    ledger.close()
    with Site().open(tmp_path / "ledger.sqlite") as again:
        assert refusal(site.close, again) == "qblock-key-reused"
        validator.again = False
        site.close(again)
        assert verify(again, site.trust).holds


def test_after_one_qblock_with_a_validation_none_is_without(ledger):
    site = filled(ledger, Validator())
    site.bookkeeper = replace(site.bookkeeper, validate=None)
    site.append(ledger, [site.readings(*site.boards)])
    site.close(ledger)
    failure = verify(ledger, site.trust).failure
    assert failure is not None
    assert (failure.problem.name, failure.what.split(", ")[1]) == ("qblock-validation", "Qblock 3")


def test_a_bookkeeper_that_is_not_accepted_leaves_no_qblock(ledger):
    site = Site()
    stranger = MemoryKeys([Key(each.id, b"s" * 32) for each in keys(1)])

    def refused(_height: int, record_hash: bytes) -> Validated:
        return Validated.of("b1", validate(MemoryKeys(keys(1)), stranger, record_hash, seed=1))

    site.bookkeeper = replace(site.bookkeeper, validate=refused)
    site.append(ledger, [site.enrolment()])
    assert refusal(site.close, ledger) == "validation-identity-refused"
    assert (ledger.height(), ledger.unclosed) == (0, 1)
    site.bookkeeper = closing.Bookkeeper("gateway", site.bookkeeper.key, shots=64, validate=Validator())
    site.close(ledger)
    assert (ledger.height(), ledger.unclosed) == (1, 0)
