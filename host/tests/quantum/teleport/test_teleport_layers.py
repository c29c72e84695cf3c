"""One message through the four layers: it arrives as it was, or is said to be damaged."""

import math
import zlib

import pytest
from characters import CHARACTERS
from hypothesis import given
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.statistics import binomial_bounds
from qcot.quantum.teleport import Chain, send
from qcot.quantum.teleport.layers import MAX_MESSAGE, frame, to_bits, to_bytes

PERFECT = Chain(2, 10, fidelity=1, t2_ms=math.inf)


@pytest.mark.parametrize("message", ["1 °C", "温"])
def test_a_message_arrives_as_it_was_over_perfect_links(message: str) -> None:
    journey = send(message, PERFECT, 1)
    assert (journey.text, journey.intact, journey.flipped, journey.bit_errors) == (message, True, 0, 0)
    assert journey.bits == 8 * (len(message.encode()) + 4)


def test_memory_noise_leaves_classical_bits_alone() -> None:
    assert send("on", Chain(2, 100, fidelity=1, t2_ms=0.01), 1).intact


def test_it_travels_the_four_layers_in_order() -> None:
    journey = send("on", PERFECT, 1)
    assert [(step.layer, step.device) for step in journey.steps] == [
        ("physical", "sensor"),
        ("quantum network", "gateway"),
        ("quantum network", "quantum server"),
        ("quantum teleportation", "repeaters"),
        ("application", "reader"),
    ]
    assert "'on'" in journey.steps[-1].did


def test_flipped_qubits_are_as_many_as_the_noise_says() -> None:
    journey = send("21.5", Chain(3, 30, fidelity=0.9), 5)
    low, high = binomial_bounds(journey.bits, journey.prediction.bit_error)
    assert low <= journey.flipped <= high
    assert journey.raw_error.agrees


def test_a_damaged_message_is_never_taken_for_a_reading() -> None:
    journey = send("on", Chain(3, 30, fidelity=0.8), 5)
    assert journey.bit_errors > 0
    assert not journey.intact
    assert "no reading" in journey.steps[-1].did


def test_voting_over_repeats_mends_what_one_pass_breaks() -> None:
    chain = Chain(2, 30, fidelity=0.9)
    assert not send("on", chain, 1).intact
    mended = send("on", chain, 1, repeats=31)
    assert mended.flipped > 0
    assert (mended.bit_errors, mended.text) == (0, "on")


@pytest.mark.parametrize("message", ["", "x" * (MAX_MESSAGE + 1), "°" * 33, "\ud800"])
def test_a_message_that_does_not_fit_is_refused(message: str) -> None:
    with pytest.raises(QcotError, match="teleport-message"):
        send(message, PERFECT, 1)


@pytest.mark.parametrize("repeats", [0, 2, -1, 101, 1.0, True])
def test_a_vote_that_may_tie_is_refused(repeats: int) -> None:
    with pytest.raises(QcotError, match="teleport-repeats"):
        send("on", PERFECT, 1, repeats)


@given(st.binary(min_size=1, max_size=80))
def test_bits_and_bytes_are_each_others_inverse(data: bytes) -> None:
    bits = to_bits(data)
    assert to_bytes(bits) == data
    assert bits[:8] == [int(bit) for bit in f"{data[0]:08b}"]


@given(st.text(CHARACTERS, min_size=1, max_size=16))
def test_a_frame_is_utf_8_with_its_crc_32(message: str) -> None:
    try:
        payload = message.encode()
    except UnicodeEncodeError:
        with pytest.raises(QcotError, match="teleport-message"):
            frame(message)
        return
    assert frame(message) == payload + zlib.crc32(payload).to_bytes(4, "big")
