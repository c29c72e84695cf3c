"""What a Qblock header records of its bookkeeper's identity validation (docs/evidence.md, Qblock header).

It says what was run and counted, on a simulator unless the backend's name says otherwise. That the gateway closed the
Qblock is carried by its ML-DSA signature under the checkpoint; the validation never stands in for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qcot.crypto import cose
from qcot.errors import QcotError
from qcot.ledger.problems import BAD_QBLOCK, QBLOCK_VALIDATION
from qcot.quantum.identity import Parameters, Validation

KEY_ID_SIZE = 16
MAX_BACKEND = 128
_MEMBERS = 8


@dataclass(frozen=True, slots=True)
class Validated:
    """Identity ``verifier`` validated the bookkeeper with a key that both ends burnt, ``key_id``."""

    verifier: str
    key_id: bytes
    pairs: int
    checks: int
    errors: int
    mismatches: int
    backend: str
    seed: int

    @classmethod
    def of(cls, verifier: str, validation: Validation) -> Validated:
        """The record of a validation that was accepted; raises its refusal by name where it was not."""
        validation.require()
        assert validation.mismatches is not None
        return cls(
            verifier, validation.key_id.bytes, validation.pairs, validation.checks, validation.check_errors,
            validation.mismatches, validation.backend, validation.seed,
        )  # fmt: skip

    def members(self) -> list[Any]:
        """The array that the header holds."""
        return [
            self.verifier, self.key_id, self.pairs, self.checks, self.errors, self.mismatches, self.backend, self.seed
        ]  # fmt: skip


def parse(value: Any) -> Validated:
    """Take the array apart; whether it may stand is for :func:`check`. Raises `bad-qblock`."""
    if not isinstance(value, list) or len(value) != _MEMBERS:
        raise QcotError(BAD_QBLOCK, f"a validation is an array of {_MEMBERS}")
    verifier, key_id, pairs, checks, errors, mismatches, backend, seed = value
    if not isinstance(verifier, str) or not cose.NAME.fullmatch(verifier):
        raise QcotError(BAD_QBLOCK, f"verifier {verifier!r} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
    if not isinstance(key_id, bytes) or len(key_id) != KEY_ID_SIZE:
        raise QcotError(BAD_QBLOCK, f"a key id has {KEY_ID_SIZE} bytes")
    if not isinstance(backend, str) or not 1 <= len(backend) <= MAX_BACKEND:
        raise QcotError(BAD_QBLOCK, f"backend of a validation must be text of 1 to {MAX_BACKEND} characters")
    if any(type(each) is not int or not 0 <= each < 1 << 63 for each in (pairs, checks, errors, mismatches, seed)):
        raise QcotError(BAD_QBLOCK, "counts and seed of a validation must be whole numbers")
    return Validated(verifier, key_id, pairs, checks, errors, mismatches, backend, seed)


def check(height: int, record: Validated) -> None:
    """Raise `qblock-validation` unless what was counted is within the protocol's bounds for its sizes."""
    try:
        bounds = Parameters.scaled(record.pairs, record.checks)
    except QcotError as error:
        raise QcotError(QBLOCK_VALIDATION, f"Qblock {height}: {error.reason}") from error
    if record.errors > bounds.tau or record.mismatches > bounds.mismatches:
        raise QcotError(
            QBLOCK_VALIDATION,
            f"bookkeeper of Qblock {height}: {record.errors} errors in {record.checks} checks, at most {bounds.tau}; "
            f"{record.mismatches} mismatches in {record.pairs} pairs, at most {bounds.mismatches}",
        )
