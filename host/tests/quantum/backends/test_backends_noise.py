"""Noise from a file: what is read, what is refused, and that the noise made is the noise described."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from characters import CHARACTERS
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.backends import named_backend, run_circuits
from qcot.quantum.backends.noise import MAX_FILE, MEMBERS, Noise, parse_noise
from qcot.quantum.backends.problems import NOISE_FILE
from qcot.quantum.statistics import binomial_bounds
from qiskit import QuantumCircuit

SHOTS = 10_000
ROOT = Path(__file__).parents[4]


def noisy(tmp_path: Path, **members: float) -> Any:
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(members))
    return named_backend(f"noisy:{file}")


def flips(times: int, width: int = 1) -> QuantumCircuit:
    """X that often on qubit 0, none of them optimized away."""
    circuit = QuantumCircuit(width, width)
    for _ in range(times):
        circuit.x(0)
        circuit.barrier()
    circuit.measure(range(width), range(width))
    return circuit


def pair() -> QuantumCircuit:
    """A CNOT that does nothing, on two qubits in |0>, hidden from the transpiler."""
    circuit = QuantumCircuit(2, 2)
    circuit.barrier()
    circuit.cx(0, 1)
    circuit.barrier()
    circuit.measure([0, 1], [0, 1])
    return circuit


def relaxed(times: int, gate_us: float, t1_us: float) -> float:
    """Chance of 1 after that many X, each followed by decay towards 0."""
    one = 0.0
    for _ in range(times):
        one = (1 - one) * math.exp(-gate_us / t1_us)
    return one


MACHINES = {
    "nothing": ({}, flips(1), "1", 1.0),
    "depolarizing of one qubit": ({"depolarizing_1q": 0.3}, flips(1), "1", 0.85),
    "depolarizing of two qubits": ({"depolarizing_2q": 0.4}, pair(), "00", 0.6 + 0.1),
    "reads 1 for 0": ({"readout_1_given_0": 0.2}, flips(0), "1", 0.2),
    "reads 0 for 1": ({"readout_0_given_1": 0.1, "readout_1_given_0": 0.3}, flips(1), "1", 0.9),
    "relaxation": ({"t1_us": 50, "t2_us": 70, "gate_1q_ns": 5_000}, flips(7), "1", relaxed(7, 5, 50)),
    "relaxation with a long T2": ({"t1_us": 50, "t2_us": 100, "gate_1q_ns": 5_000}, flips(3), "1", relaxed(3, 5, 50)),
}


@pytest.mark.parametrize(("members", "circuit", "outcome", "chance"), MACHINES.values(), ids=MACHINES)
def test_noise_is_as_large_as_the_file_says(
    tmp_path: Path, members: dict[str, float], circuit: QuantumCircuit, outcome: str, chance: float
) -> None:
    result = run_circuits([circuit], SHOTS, 7, noisy(tmp_path, **members))
    assert result.backend == "noisy:machine.json"
    low, high = (SHOTS, SHOTS) if chance == 1 else binomial_bounds(SHOTS, chance)
    assert low <= result.counts[0].get(outcome, 0) <= high


def test_dephasing_is_as_large_as_the_file_says(tmp_path: Path) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.sx(0)
    for _ in range(2):
        circuit.barrier()
        circuit.x(0)
    circuit.barrier()
    circuit.sx(0)
    circuit.measure(0, 0)
    # Without noise sx x x sx = x; T1 so long that only T2 acts, in the three gates between which the state is on the
    # equator (the last one's own noise comes after it has left).
    backend = noisy(tmp_path, t1_us=1e9, t2_us=10, gate_1q_ns=1_000)
    result = run_circuits([circuit], SHOTS, 3, backend)
    low, high = binomial_bounds(SHOTS, (1 + math.exp(-3 / 10)) / 2)
    assert low <= result.counts[0]["1"] <= high


def test_noisy_machines_are_as_wide_as_the_circuits(tmp_path: Path) -> None:
    wide = QuantumCircuit(24, 24)
    wide.x(23)
    wide.measure(23, 23)
    for backend in (named_backend("noisy"), noisy(tmp_path, depolarizing_1q=0.001)):
        result = run_circuits([wide, flips(1)], 200, 1, backend)
        assert result.counts[0]["1" + "0" * 23] > 150
        assert result.counts[1]["1"] > 150


def test_measurement_feedback_and_reset_run_on_noisy_machines(tmp_path: Path) -> None:
    circuit = QuantumCircuit(2, 3)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.reset(0)
    circuit.measure([0, 1], [1, 2])
    for backend in (named_backend("noisy"), noisy(tmp_path, readout_1_given_0=0.01, depolarizing_1q=0.001)):
        (seen,) = run_circuits([circuit], 500, 1, backend).counts
        assert 400 < seen["101"] < 500


def test_noisy_is_the_same_machine_for_everybody_and_no_ideal_one() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(0, 2)
    circuit.measure(range(3), range(3))
    once, again = (run_circuits([circuit], 4_000, 1, named_backend("noisy")) for _ in range(2))
    assert once == again
    assert once.backend == "aer_simulator_from(generic_backend_3q)"
    assert 0 < sum(times for bits, times in once.counts[0].items() if bits not in {"000", "111"}) < 400


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs/quantum/backends.md").read_text()
    example = page.split("```json")[1].split("```")[0]
    noise = parse_noise(example.encode())
    assert noise.t2_us > noise.t1_us > 0
    assert all(f"`{member.name}`" in page for member in MEMBERS)


JUNK = {
    "not JSON": (b"depolarizing", "not JSON"),
    "not text": (b"\xff\xfe\x00", "not JSON"),
    "a list": (b"[]", "not a JSON object"),
    "nested without end": (b"[" * 60_000, "not JSON"),
    "twice": (b'{"t1_us": 1, "t1_us": 2}', "twice"),
    "unknown": (b'{"depolarising": 0.1}', "'depolarising' is no member"),
    "negative": (b'{"depolarizing_1q": -0.1}', "depolarizing_1q is -0.1"),
    "above one": (b'{"readout_1_given_0": 1.5}', "readout_1_given_0 is 1.5"),
    "no number": (b'{"depolarizing_2q": "much"}', "depolarizing_2q is 'much'"),
    "a truth value": (b'{"depolarizing_2q": true}', "depolarizing_2q is True"),
    "not a number": (b'{"t1_us": NaN}', "NaN"),
    "infinite": (b'{"t1_us": 1e999, "t2_us": 1}', "t1_us is inf"),
    "T2 too long": (b'{"t1_us": 10, "t2_us": 21}', "t2_us 21 does not go with t1_us 10"),
    "T1 without T2": (b'{"t1_us": 10}', "t2_us 0 does not go with t1_us 10"),
    "two wrong": (b'{"x": 1, "t1_us": -1}', "'x' is no member; t1_us is -1"),
}


@pytest.mark.parametrize(("data", "why"), JUNK.values(), ids=JUNK)
def test_junk_is_refused_by_name(tmp_path: Path, data: bytes, why: str) -> None:
    file = tmp_path / "noise.json"
    file.write_bytes(data)
    with pytest.raises(QcotError) as refused:
        named_backend(f"noisy:{file}")
    assert refused.value.problem is NOISE_FILE
    assert why in refused.value.reason
    assert str(file) in refused.value.reason


def test_a_file_that_is_missing_a_folder_or_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.json").write_bytes(b" " * (MAX_FILE + 1))
    for name, why in (("none.json", "No such file"), (".", "directory"), ("long.json", "more than"), ("a\0b", "null")):
        with pytest.raises(QcotError) as refused:
            named_backend(f"noisy:{tmp_path / name}")
        assert refused.value.problem is NOISE_FILE
        assert why in refused.value.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(CHARACTERS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(CHARACTERS), inner),
    max_leaves=5,
)
names = st.sampled_from([member.name for member in MEMBERS])


@settings(max_examples=50)
@given(
    st.binary()
    | (st.dictionaries(names | st.text(CHARACTERS), json_values) | json_values).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_are_a_noise_or_a_refusal(data: bytes) -> None:
    noise = Noise()
    with suppress(QcotError):  # and nothing else
        noise = parse_noise(data)
    assert all(0 <= getattr(noise, member.name) <= member.high for member in MEMBERS)
    assert noise.t2_us <= 2 * noise.t1_us
