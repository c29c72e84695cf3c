"""The four layers of QCoT's quantum Internet of Things (section 2, Fig. 2.3), shown by one message that travels them.

Classical bits travel as basis states, one qubit a bit (Holevo: a qubit carries no more). This is a simulation, and no
secrecy by itself: the text is in the clear where it is measured, embedded and read.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from qcot.errors import QcotError
from qcot.quantum.backends import Backend, run_circuits
from qcot.quantum.statistics import Estimate, proportion
from qcot.quantum.teleport.chain import Chain, Prediction, predict
from qcot.quantum.teleport.circuits import BITS, supports_feed_forward, teleport_circuit
from qcot.quantum.teleport.measure import read
from qcot.quantum.teleport.problems import BAD_MESSAGE, BAD_REPEATS

MAX_MESSAGE = 64
"""Bytes of UTF-8. Each of their bits is a circuit."""
CHECK_BYTES = 4
MAX_REPEATS = 99


@dataclass(frozen=True)
class Step:
    """What one layer did with the message."""

    layer: str
    device: str
    did: str


@dataclass(frozen=True)
class Journey:
    """A message from the sensor to the application."""

    prediction: Prediction
    sent: str
    bits: int
    repeats: int
    flipped: int
    """Of all teleported qubits, bits times repeats."""
    raw_error: Estimate
    """The same as a share."""
    bit_errors: int
    """Wrong bits after the vote."""
    received: bytes
    intact: bool
    """Whether the check sum fits. Damaged text is shown, never taken for a reading."""
    backend: str
    seed: int
    seconds: float

    @property
    def text(self) -> str:
        """What the application shows; bytes that are no UTF-8 as U+FFFD."""
        return self.received.decode(errors="replace")

    @property
    def steps(self) -> tuple[Step, ...]:
        """The layers as the message met them."""
        chain = self.prediction.chain
        qubits = f"{self.bits * self.repeats} qubits"
        verdict = "the check sum fits" if self.intact else "the check sum does not fit: damaged, no reading"
        return (
            Step("physical", "sensor", f"gave {self.sent!r}, {len(self.received)} bytes"),
            Step(
                "quantum network", "gateway", f"added a check sum of {CHECK_BYTES} bytes and passed on {self.bits} bits"
            ),
            Step("quantum network", "quantum server", f"made bit b the state |b>, {self.repeats} times each: {qubits}"),
            Step(
                "quantum teleportation",
                "repeaters",
                f"teleported {qubits} over {chain.hops} x {chain.link_km:g} km; {self.flipped} came out flipped",
            ),
            Step(
                "application", "reader", f"measured and voted, {self.bit_errors} bits wrong; {verdict}: {self.text!r}"
            ),
        )


def send(message: str, chain: Chain, seed: int, repeats: int = 1, backend: Backend | None = None) -> Journey:
    """Teleport ``message`` over ``chain``, each bit ``repeats`` times, the majority deciding.

    Raises `teleport-message` and `teleport-repeats`.
    """
    if type(repeats) is not int or not 1 <= repeats <= MAX_REPEATS or repeats % 2 == 0:
        raise QcotError(BAD_REPEATS, f"repeats are {repeats!r}")
    framed = frame(message)
    bits = to_bits(framed)
    predicted = predict(chain)
    feed_forward = supports_feed_forward(backend)
    circuits = [teleport_circuit(predicted, state, undo=False, feed_forward=feed_forward) for state in BITS]
    run = run_circuits([circuits[bit] for bit in bits], repeats, seed, backend)
    ones = [read(counts)[1] for counts in run.counts]
    voted = [int(2 * each > repeats) for each in ones]
    wrong = sum(repeats - each if bit else each for bit, each in zip(bits, ones, strict=True))
    theory = predicted.bit_error if backend is None else None
    raw = proportion("teleported bits that came out wrong", wrong, len(bits) * repeats, theory)
    errors = sum(map(int.__ne__, bits, voted))
    payload, check = _split(to_bytes(voted))
    intact = zlib.crc32(payload).to_bytes(CHECK_BYTES) == check
    return Journey(
        predicted, message, len(bits), repeats, wrong, raw, errors, payload, intact, run.backend, seed, run.seconds
    )


def frame(message: str) -> bytes:
    """The message's UTF-8 and its CRC-32, big-endian. Raises `teleport-message`."""
    try:
        payload = message.encode()
    except UnicodeEncodeError as error:  # a lone surrogate
        raise QcotError(BAD_MESSAGE, f"the message is no Unicode text: {error.reason}") from error
    if not 1 <= len(payload) <= MAX_MESSAGE:
        raise QcotError(BAD_MESSAGE, f"the message has {len(payload)} bytes")
    return payload + zlib.crc32(payload).to_bytes(CHECK_BYTES)


def to_bits(data: bytes) -> list[int]:
    """Bits of ``data``, most significant first."""
    return [byte >> shift & 1 for byte in data for shift in range(7, -1, -1)]


def to_bytes(bits: Sequence[int]) -> bytes:
    """The inverse of :func:`to_bits`."""
    return int("".join(map(str, bits)), 2).to_bytes(len(bits) // 8)


def _split(data: bytes) -> tuple[bytes, bytes]:
    return data[:-CHECK_BYTES], data[-CHECK_BYTES:]
