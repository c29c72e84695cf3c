"""Qblocks of the simulated network: hashed as documented, and each double check refuses what it is there for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.quantum.network.chain import (
    DOUBLE_CHECKS,
    NO_BLOCK,
    Block,
    Claims,
    Record,
    digest,
    double_check,
    local_check,
    new_block,
    with_altered_phase,
    with_altered_record,
)
from qcot.quantum.qblock import phases_from
from qcot.quantum.walk import walk_hash

MS = 1_000_000
NOW = 10**12
SHOTS = 64


def record(number: int) -> Record:
    body = f"record {number}".encode()
    return Record(f"{number:016}", "A", number, hashlib.sha256(body).hexdigest(), walk_hash(body).hex())


RECORDS = [record(number) for number in range(3)]
CHAIN = [new_block([], "A", "d0", RECORDS[:1], 5 * MS)]
CHAIN.append(new_block(CHAIN, "B", "d1", RECORDS[1:2], 9 * MS + 7))
NEXT = new_block(CHAIN, "C", "d2", [RECORDS[2], RECORDS[0]], 20 * MS)


def claims(chain: list[Block] = CHAIN, seed: int = 3) -> Claims:
    due = {each.id: each for each in (RECORDS[2], RECORDS[0])}
    return Claims(chain, due, "C", "d2", NOW, lambda block: local_check(chain, block, SHOTS, seed))


def test_a_qblock_is_hashed_as_documented() -> None:
    """Oracle: hashlib over the JSON that the page describes, written here by hand."""
    ordered = sorted((RECORDS[0], RECORDS[2]), key=lambda each: each.id)
    records = ",".join(
        f'{{"origin":"{r.origin}","patient":"{r.patient}","sha256":"{r.sha256}",'
        f'"time_ns":{r.time_ns},"walk_hash":"{r.walk_hash}"}}'
        for r in ordered
    )
    text = (
        f'{{"bookkeeper":"C","draw":"d2","height":2,"previous":"{CHAIN[1].hash}",'
        f'"records":[{records}],"t_ms":15,"time_ns":20000000}}'
    )
    assert NEXT.hash == hashlib.sha256(text.encode()).hexdigest()
    assert NEXT.qhash == walk_hash(bytes.fromhex(NEXT.hash)).hex()
    assert NEXT.phases == NEXT.due_phases == phases_from(bytes.fromhex(NEXT.qhash), 15)
    assert (CHAIN[0].previous, CHAIN[0].t_ms, CHAIN[1].previous, CHAIN[1].t_ms) == (NO_BLOCK, 0, CHAIN[0].hash, 4)


def test_a_records_id_is_the_hash_of_its_header() -> None:
    header = json.dumps(asdict(RECORDS[0]), sort_keys=True, separators=(",", ":"))
    assert RECORDS[0].id == hashlib.sha256(header.encode()).hexdigest() == digest(asdict(RECORDS[0]))


@settings(max_examples=25)
@given(st.binary(max_size=20))
def test_a_record_describes_its_own_bytes_only(body: bytes) -> None:
    assert RECORDS[0].describes(b"record 0")
    assert RECORDS[0].describes(body) == (body == b"record 0")
    assert not replace(RECORDS[0], walk_hash="0" * 64).describes(b"record 0")
    assert not replace(RECORDS[0], sha256="0" * 64).describes(b"record 0")


def test_an_honest_qblock_passes_all_double_checks() -> None:
    assert double_check(NEXT, claims()) is None
    assert (
        double_check(CHAIN[0], replace(claims([]), due={RECORDS[0].id: RECORDS[0]}, bookkeeper="A", draw="d0")) is None
    )


REFUSED: dict[str, list[Callable[[Block], Block]]] = {
    "bookkeeper": [
        lambda block: replace(block, bookkeeper="D").sealed(),
        lambda block: replace(block, draw="d3").sealed(),
    ],
    "predecessor": [
        lambda block: replace(block, previous=NO_BLOCK).sealed(),
        lambda block: replace(block, height=3).sealed(),
    ],
    "time": [
        lambda block: replace(block, t_ms=16).sealed(),
        lambda block: replace(block, time_ns=NOW + 1, t_ms=(NOW + 1) // MS - 5).sealed(),
        lambda block: replace(block, time_ns=9 * MS, t_ms=4).sealed(),
    ],
    "records": [
        with_altered_record,
        lambda block: replace(block, records=block.records[:1]).sealed(),
        lambda block: replace(block, records=(*block.records, RECORDS[1])).sealed(),
    ],
    "hash": [lambda block: replace(block, hash="0" * 64)],
    "local check": [with_altered_phase],
    "phases": [lambda block: replace(block, h=block.h ^ 1)],
}


def test_every_double_check_has_a_qblock_that_only_it_refuses() -> None:
    assert list(REFUSED) == list(DOUBLE_CHECKS)


@pytest.mark.parametrize(
    ("check", "alter"),
    [(check, alter) for check, alters in REFUSED.items() for alter in alters],
    ids=[f"{check} {number}" for check, alters in REFUSED.items() for number in range(len(alters))],
)
def test_an_altered_qblock_is_refused_by_its_check(check: str, alter: Callable[[Block], Block]) -> None:
    assert double_check(alter(NEXT), claims()) == check


def test_the_state_alone_shows_half_a_turn_and_never_one_part_in_2_to_the_53() -> None:
    assert local_check(CHAIN, with_altered_phase(NEXT), SHOTS, 1).zeros_newest == 0
    assert local_check(CHAIN, replace(NEXT, h=NEXT.h ^ 1), SHOTS, 1).zeros_newest == SHOTS
