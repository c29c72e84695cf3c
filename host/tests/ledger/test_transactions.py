"""Transactions and receipts: what is built reads back, and what could not have been built is refused."""

import hashlib
from dataclasses import replace
from fractions import Fraction

import cbor2
import pytest
from characters import CHARACTERS
from hypothesis import given
from hypothesis import strategies as st
from ledger_site import BRIDGE_KEY, GATEWAY_KEY, Site
from qcot.certificates.claims import Channel
from qcot.crypto import cbor, cose
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.ledger import receipts, transactions
from qcot.ledger.clocks import Clock
from qcot.ledger.receipts import Answer, Status
from qcot.ledger.transactions import CheckpointEntry, EnrolmentEntry, FrameEntry

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
UINTS = st.integers(0, (1 << 63) - 1)
INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
CHANNELS = st.builds(
    Channel,
    st.text(CHARACTERS, min_size=1, max_size=64),
    st.text(CHARACTERS, max_size=64),
    INT32,
    INT32.filter(bool),
    INT32,
)
UINT32 = st.integers(0, (1 << 32) - 1)
DEVICES = st.sampled_from([bytes(8), b"\1" * 8]) | st.binary(min_size=8, max_size=8)
CLOCKS = st.builds(Clock, UINTS, st.integers(-20_000_000, 20_000_000), st.integers(0, 3_600_000_000))
FRAMES = st.builds(
    FrameEntry,
    DEVICES,
    st.integers(0, 1) | UINT32,
    UINTS,
    st.binary(min_size=8, max_size=254),
    st.none() | st.just(Clock(1, 2, 3)) | CLOCKS,
)
CHECKPOINTS = st.builds(
    CheckpointEntry, DEVICES, UINT32, UINT32, st.binary(min_size=32, max_size=32), st.binary(min_size=1, max_size=4096)
)
ENROLMENTS = st.builds(
    EnrolmentEntry,
    st.binary(min_size=8, max_size=8),
    st.binary(min_size=32, max_size=32),
    st.text(CHARACTERS, min_size=1, max_size=16),
    st.binary(min_size=3, max_size=3),
    st.binary(min_size=32, max_size=32),
    st.lists(CHANNELS, max_size=3).map(tuple),
)
CHECKPOINT = [4, bytes(8), 0, 0, bytes(32), b"s"]
GOOD = {1: 1, 2: "lab", 3: "bridge", 4: 1, 5: 0, 6: [[1, bytes(8), 0, 0, bytes(8)]]}
ENROLMENT = [2, bytes(8), bytes(32), "uno", bytes(3), bytes(32), [["A0", "V", 5, 1024, 0]]]
ANSWER = [bytes(32), 1, 0, 0, "", ""]
GOOD_RECEIPT = {1: 1, 2: "lab", 3: "bridge", 4: 0, 5: 1, 6: [ANSWER]}


def refusal(call, *arguments) -> QcotError:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value


def signed(payload) -> bytes:
    return cose.sign(BRIDGE_KEY, transactions.KIND, cbor.encode(payload), "default")


@given(
    NAMES, NAMES, NAMES, UINTS.filter(bool), UINTS, st.lists(FRAMES | ENROLMENTS | CHECKPOINTS, min_size=1, max_size=5)
)
def test_what_is_built_reads_back_and_verifies(site, bridge, policy, sequence, time, entries):
    raw = transactions.build(
        BRIDGE_KEY, site=site, bridge=bridge, sequence=sequence, time=time, entries=entries, policy=policy
    )
    read = transactions.parse(raw)
    read.verify(BRIDGE_KEY.public_key)
    assert (read.site, read.bridge, read.policy) == (site, bridge, policy)
    assert (read.sequence, read.time, read.entries) == (sequence, time, tuple(entries))
    assert (read.raw, read.hash) == (raw, hashlib.sha256(raw).digest())


def test_a_transaction_is_laid_out_as_the_format_says():
    site = Site()
    board = site.boards[0]
    entries = (board.enrolment(), board.readings())
    tagged = cbor2.loads(site.raw(*entries))
    protected, _, payload, _ = tagged.value
    kid = hashlib.sha256(BRIDGE_KEY.public_key.raw).digest()[:16]
    header = {1: -49, 3: "application/vnd.qcot.transaction+cbor", 4: kid, -65537: "default"}
    assert (tagged.tag, cbor2.loads(protected)) == (18, header)
    body = cbor2.loads(payload)
    assert [body[key] for key in range(1, 6)] == [1, "lab", "bridge", 1, site.now]
    secret = hashlib.sha256(b"qcot/device-key/v1" + board.device + board.key).digest()
    channels = [["A0", "V", 5, 1024, 0], ["temp", "Cel", 1, 8, -2000]]
    assert body[6][0] == [2, board.device, secret, "uno", b"\0\1\0", b"i" * 32, channels]
    assert body[6][1] == [1, board.device, 1, entries[1].received, entries[1].frame]


@pytest.mark.parametrize(
    "change",
    [
        {1: 2}, {1: "1"}, {2: ""}, {2: "a b"}, {2: "x" * 65}, {2: b"lab"}, {3: "a/b"}, {3: 7}, {3: "é"},
        {4: 0}, {4: -1}, {4: 1 << 63}, {4: "1"}, {5: -1}, {5: 1 << 63}, {5: None}, {6: []}, {6: {}}, {7: 0},
        {6: [[1, bytes(8), 0, 0, bytes(8)]] * 2049},
        {6: [[3, bytes(8), 0, 0, bytes(8)]]}, {6: [[1, bytes(8), 0, 0]]}, {6: [[1, bytes(7), 0, 0, bytes(8)]]},
        {6: [[1, bytes(8), 1 << 32, 0, bytes(8)]]}, {6: [[1, bytes(8), -1, 0, bytes(8)]]},
        {6: [[1, bytes(8), 0, -1, bytes(8)]]}, {6: [[1, bytes(8), 0, 0, bytes(7)]]},
        {6: [[1, bytes(8), 0, 0, bytes(255)]]}, {6: [[1, bytes(8), 0, 0, "text"]]}, {6: [7]}, {6: [[]]},
        {6: [[1, bytes(8), 0, 0, bytes(8), [0, 0, 0], None]]}, {6: [[1, bytes(8), 0, 0, bytes(8), [0, 0]]]},
        {6: [[1, bytes(8), 0, 0, bytes(8), 0]]}, {6: [[1, bytes(8), 0, 0, bytes(8), [-1, 0, 0]]]},
        {6: [[1, bytes(8), 0, 0, bytes(8), [1 << 63, 0, 0]]]}, {6: [[1, bytes(8), 0, 0, bytes(8), [0, 0, -1]]]},
        {6: [[1, bytes(8), 0, 0, bytes(8), [0, 20_000_001, 0]]]}, {6: [[1, bytes(8), 0, 0, bytes(8), [0, 0, "0"]]]},
        {6: [[1, bytes(8), 0, 0, bytes(8), [0, -20_000_001, 0]]]},
        {6: [[1, bytes(8), 0, 0, bytes(8), [0, 0, 3_600_000_001]]]},
    ],
    ids=str,
)  # fmt: skip
def test_a_payload_out_of_bounds_is_refused(change):
    assert refusal(transactions.parse, signed(GOOD | change)).problem.name == "bad-transaction"


@pytest.mark.parametrize("missing", range(1, 7))
def test_a_payload_that_lacks_a_member_is_refused(missing):
    payload = {key: value for key, value in GOOD.items() if key != missing}
    assert refusal(transactions.parse, signed(payload)).problem.name == "bad-transaction"


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (1, bytes(9)), (2, bytes(31)), (3, ""), (3, "x" * 17), (3, b"uno"), (4, bytes(2)), (5, bytes(33)), (6, None),
        (6, [["A0", "V", 5, 1024]]), (6, [["", "V", 5, 1024, 0]]), (6, [["A0", "V", 5, 0, 0]]),
        (6, [["A0", "V", 1 << 31, 1, 0]]), (6, [["A0", "V" * 65, 5, 1, 0]]), (6, [["A0", 7, 5, 1, 0]]),
        (6, [["A0", "V", 5, 1024, 0]] * 256),
    ],
    ids=str,
)  # fmt: skip
def test_an_enrolment_out_of_bounds_is_refused(at, value):
    transactions.parse(signed(GOOD | {6: [ENROLMENT]}))
    entry = [*ENROLMENT[:at], value, *ENROLMENT[at + 1 :]]
    assert refusal(transactions.parse, signed(GOOD | {6: [entry]})).problem.name == "bad-transaction"


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (1, bytes(9)), (1, "x" * 8), (2, -1), (2, 1 << 32), (2, None), (3, -1), (3, 1 << 32), (3, b""), (4, bytes(31)),
        (4, None), (5, b""), (5, bytes(4097)), (5, "s"),
    ],
    ids=str,
)  # fmt: skip
def test_a_checkpoint_out_of_bounds_is_refused(at, value):
    transactions.parse(signed(GOOD | {6: [CHECKPOINT]}))
    entry = [*CHECKPOINT[:at], value, *CHECKPOINT[at + 1 :]]
    assert refusal(transactions.parse, signed(GOOD | {6: [entry]})).problem.name == "bad-transaction"


def test_a_clock_is_said_once_and_holds_for_the_frames_of_that_board_and_epoch_that_follow():
    one, two = Clock(5, -7, 9), Clock(5, -7, 10)
    frames = [
        FrameEntry(device, epoch, 0, bytes(8), clock)
        for device, epoch, clock in [
            (bytes(8), 0, None), (bytes(8), 0, one), (b"1" * 8, 0, None), (bytes(8), 1, None), (bytes(8), 0, one),
            (bytes(8), 0, two), (bytes(8), 0, None), (bytes(8), 0, None),
        ]
    ]  # fmt: skip
    raw = Site().raw(*frames)
    assert transactions.parse(raw).entries == tuple(frames)
    said = [item[5:] for item in cbor2.loads(cbor2.loads(raw).value[2])[6]]
    assert said == [[], [[5, -7, 9]], [], [], [], [[5, -7, 10]], [None], []]


@given(UINT32, UINT32, CLOCKS)
def test_a_clock_gives_the_time_of_the_turn_that_the_frames_first_reading_belongs_to(first, later, clock):
    elapsed = later % (1 << 31)
    found = clock.at((first + elapsed) % (1 << 32), first)
    exact = clock.zero + (first + elapsed) * 1000 * (1 + Fraction(clock.rate, 10**9))
    assert 0 <= exact - found < 1


def test_a_transaction_over_one_mebibyte_is_not_built():
    site = Site()
    channels = tuple(Channel("n" * 64, "u" * 64, 1, 1, 0) for _ in range(255))
    entry = replace(site.boards[0].enrolment(), channels=channels)
    error = refusal(lambda: site.raw(*[entry] * 40))
    assert error.problem.name == "bad-transaction"


def test_the_largest_batch_of_frames_fits():
    entries = [FrameEntry(bytes(8), 0, 0, bytes(254), Clock(1 << 62, at, at)) for at in range(2048)]
    assert len(transactions.parse(Site().raw(*entries)).entries) == 2048


def test_another_key_does_not_verify():
    other = SigningKey(ML_DSA_65, bytes(32)).public_key
    assert refusal(Site().enrolment().verify, other).problem.name == "bad-signature"


@given(st.binary(max_size=300))
def test_any_payload_is_read_or_refused_by_name(payload):
    names = []
    for kind, key, parse in (
        (transactions.KIND, BRIDGE_KEY, transactions.parse),
        (receipts.KIND, GATEWAY_KEY, receipts.parse),
    ):
        raw = cose.sign(key, kind, payload, "default" if kind.with_policy else None)
        names.append(refusal(parse, raw).problem.name)
        names.append(refusal(parse, payload).problem.name)
    assert set(names) <= {"bad-transaction", "bad-receipt", "bad-cbor", "bad-cose"}


ANSWERS = st.one_of(
    st.builds(Answer, st.binary(min_size=32, max_size=32), UINTS, st.just(Status.ACCEPTED), UINTS, st.just(""), NAMES),
    st.builds(
        Answer,
        st.binary(min_size=32, max_size=32),
        UINTS,
        st.sampled_from([Status.REFUSED, Status.LATER]),
        st.none(),
        NAMES,
        st.text(CHARACTERS, max_size=100),
    ),
)


@given(UINTS, UINTS.filter(bool), st.lists(ANSWERS, max_size=4))
def test_a_receipt_reads_back_and_verifies(time, wanted, answers):
    raw = receipts.build(GATEWAY_KEY, site="lab", bridge="bridge", time=time, next_sequence=wanted, answers=answers)
    read = receipts.parse(raw)
    read.verify(GATEWAY_KEY.public_key)
    assert (read.site, read.bridge, read.time, read.next_sequence) == ("lab", "bridge", time, wanted)
    assert read.answers == tuple(answers)


@pytest.mark.parametrize(
    "change",
    [{1: 2}, {2: ""}, {3: "a b"}, {4: -1}, {5: 0}, {5: "1"}, {6: None}, {6: [ANSWER] * 2049}, {7: 0}]
    + [{6: [[*ANSWER[:at], value, *ANSWER[at + 1 :]]]} for at, value in (
        (0, bytes(31)), (1, -1), (2, 3), (2, 1), (3, None), (3, -1), (4, "x" * 65), (5, "x" * 1025), (5, b""),
    )]
    + [{6: [[*ANSWER, 0]]}],
    ids=str,
)  # fmt: skip
def test_a_receipt_out_of_bounds_is_refused(change):
    def raw(payload):
        return cose.sign(GATEWAY_KEY, receipts.KIND, cbor.encode(payload))

    receipts.parse(raw(GOOD_RECEIPT))
    assert refusal(receipts.parse, raw(GOOD_RECEIPT | change)).problem.name == "bad-receipt"


def test_a_receipt_is_no_transaction_and_the_other_way_round():
    receipt = receipts.build(GATEWAY_KEY, site="lab", bridge="b", time=0, next_sequence=1, answers=[])
    assert refusal(transactions.parse, receipt).problem.name == "bad-cose"
    assert refusal(receipts.parse, Site().enrolment().raw).problem.name == "bad-cose"


def test_a_long_reason_is_cut_and_still_reaches_the_bridge():
    answer = Answer(bytes(32), 1, Status.REFUSED, None, "chain-gap", "x" * 5000)
    raw = receipts.build(GATEWAY_KEY, site="lab", bridge="b", time=0, next_sequence=1, answers=[answer])
    assert receipts.parse(raw).answers[0].reason == "x" * 1024
