"""Records as bits, the data set that they make, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.embedding import MAX_BITS, MAX_RECORDS, bits_of, dataset, problems, record_circuit


@given(st.binary(min_size=1, max_size=8))
def test_bytes_are_bits_most_significant_first(record: bytes) -> None:
    bits = bits_of(record)
    assert len(bits) == 8 * len(record)
    assert int(bits, 2) == int.from_bytes(record, "big")
    assert bits_of(bits) == bits


@given(st.lists(st.text("01", min_size=6, max_size=6), min_size=1, max_size=40))
def test_amplitudes_are_square_roots_of_frequencies_and_have_norm_one(records: list[str]) -> None:
    data = dataset(records, count_duplicates=True)
    assert data.width == 6
    for record, amplitude in data.amplitudes.items():
        assert amplitude == pytest.approx(math.sqrt(records.count(record) / len(records)))
    vector = data.vector()
    assert np.vdot(vector, vector).real == pytest.approx(1)
    assert {f"{index:06b}" for index in np.flatnonzero(vector)} == set(records)


@given(st.sets(st.text("01", min_size=5, max_size=5), min_size=1))
def test_different_records_have_amplitude_one_over_root_k(records: set[str]) -> None:
    assert set(dataset(sorted(records)).amplitudes.values()) == {math.sqrt(1 / len(records))}


REFUSALS: dict[str, tuple[list[Any], object, str]] = {
    "a two": (["0120"], problems.NOT_BITS, "'2'"),
    "a space": (["01 0"], problems.NOT_BITS, "' '"),
    "another script's one": (["0१"], problems.NOT_BITS, "'१'"),
    "numbers": ([5], problems.NOT_BITS, "int"),
    "nothing": ([], problems.NO_RECORDS, "no record"),
    "no bits": ([""], problems.NO_RECORDS, "no bits"),
    "no bytes": ([b""], problems.NO_RECORDS, "no bits"),
    "different lengths": (["000", "01"], problems.UNEQUAL, "record 1 has 2 bits, the first has 3"),
    "twice": (["01", "10", "01"], problems.DUPLICATE, "|01> stands there a second time, as record 2"),
    "twice, as bytes and text": ([b"\x05", "00000101"], problems.DUPLICATE, "|00000101>"),
    "too wide": (["0" * (MAX_BITS + 1)], problems.TOO_WIDE, "65 bits"),
    "too many": ([f"{i:010b}" for i in range(MAX_RECORDS + 1)], problems.TOO_WIDE, "more than 64"),
}


@pytest.mark.parametrize(("records", "problem", "why"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_embedded_is_refused_by_name(records: list[Any], problem: object, why: str) -> None:
    with pytest.raises(QcotError) as refused:
        dataset(records)
    assert refused.value.problem is problem
    assert why in refused.value.reason


def test_a_vector_too_long_for_memory_is_refused() -> None:
    with pytest.raises(QcotError) as refused:
        dataset(["0" * 21]).vector()
    assert refused.value.problem is problems.TOO_WIDE


def test_a_single_record_is_refused_as_a_data_set_would_be() -> None:
    with pytest.raises(QcotError) as refused:
        record_circuit("0a")
    assert refused.value.problem is problems.NOT_BITS
