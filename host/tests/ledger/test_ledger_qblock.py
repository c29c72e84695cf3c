"""Qblock headers as bytes, against cbor2 and the definitions of docs/evidence.md."""

import hashlib
from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcot.crypto import cbor
from qcot.errors import QcotError
from qcot.ledger import qblock
from qcot.ledger.qblock import Core
from qcot.quantum.qblock import patch_qasm3
from qcot.quantum.walk import walk_hash

START = 1_790_000_000_000
FIRST = qblock.close(Core(0, bytes(32), 3, b"r" * 32, 0, 3, START, "gateway"), [], START, shots=16, seed=1)
SECOND = qblock.close(
    Core(1, FIRST.hash, 6, b"s" * 32, 4, 2, START + 5000, "gateway"), [FIRST], START, shots=16, seed=1
)
GOOD = cbor.decode(SECOND.raw)
QUANTUM = GOOD[10]


def refusal(call, *arguments) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value.problem.name


def test_a_header_is_laid_out_as_the_format_says():
    body = cbor2.loads(SECOND.raw)
    assert SECOND.raw[0] == 0xAA
    assert [body[key] for key in range(1, 10)] == [
        1, 1, hashlib.sha256(FIRST.raw).digest(), 6, b"s" * 32, 4, 2, START + 5000, "gateway"
    ]  # fmt: skip
    core = cbor2.dumps({key: body[key] for key in range(1, 10)})
    qhash = walk_hash(hashlib.sha256(core).digest())
    h = int(bin(int.from_bytes(qhash, "big") | 1 << 256)[3:56], 2)  # the first 53 bits, read off as text
    qasm = patch_qasm3([FIRST.quantum.phases, SECOND.quantum.phases])
    assert body[10] == {1: qhash, 2: h, 3: 5000, 4: "aer_simulator_statevector", 5: 16, 6: 1, 7: [16, 16], 8: qasm}
    assert cbor2.loads(FIRST.raw)[10][7] == [16, None]


def test_a_header_reads_back_and_its_checks_hold():
    for header, before in ((FIRST, []), (SECOND, [FIRST])):
        assert qblock.parse(header.raw) == header
        assert qblock.build(header.core, header.quantum) == header.raw
        qblock.check_walk_hash(header)
        qblock.check_place(header, before[-1] if before else None, START)
        qblock.check_qasm(header, before)
        qblock.check_count(header)


@pytest.mark.parametrize(
    "change",
    [
        {1: 2}, {2: -1}, {2: 1 << 63}, {3: b""}, {4: "6"}, {5: bytes(31)}, {6: -1}, {7: 0}, {7: None}, {8: -1},
        {9: ""}, {9: "a b"}, {9: b"gateway"}, {10: {}}, {10: []}, {11: 0},
    ]
    + [{10: QUANTUM | part} for part in (
        {1: bytes(31)}, {2: 1 << 53}, {2: -1}, {2: "h"}, {3: 1 << 42}, {3: -1}, {4: ""}, {4: "x" * 129}, {4: 1},
        {5: 0}, {5: -1}, {6: -1}, {6: None}, {7: [17, 16]}, {7: [16, 17]}, {7: [-1, 16]}, {7: [16]}, {7: 16},
        {7: [None, 16]}, {8: "x" * 4097}, {8: b"x"}, {9: 0},
    )],
    ids=range(38),
)  # fmt: skip
def test_a_header_out_of_bounds_is_refused(change):
    assert refusal(qblock.parse, cbor.encode(GOOD | change)) == "bad-qblock"


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(data):
    assert refusal(qblock.parse, data) in ("bad-cbor", "bad-qblock")


@given(st.data())
def test_one_changed_byte_is_refused_or_no_longer_holds(data):
    raw = bytearray(SECOND.raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        header = qblock.parse(bytes(raw))
        assert header != SECOND
        assert header.raw == bytes(raw)
        qblock.check_walk_hash(header)
    except QcotError:
        return
    assert header.core == SECOND.core  # then only what ran was changed, which the hash of the header holds
    assert header.hash != SECOND.hash


@pytest.mark.parametrize("angle", [1, 1 << 30, 1 << 52])
def test_the_smallest_forgery_of_a_phase_is_refused(angle):
    phases = replace(SECOND.quantum.phases, h=SECOND.quantum.phases.h ^ angle)
    forged = qblock.parse(qblock.build(SECOND.core, replace(SECOND.quantum, phases=phases)))
    assert refusal(qblock.check_walk_hash, forged) == "qblock-phase"
