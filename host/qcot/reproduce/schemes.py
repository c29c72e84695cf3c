"""Every signature algorithm and KEM of this program as something to be measured, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass

import pyhsslms.pyhsslms as library

from qcot.crypto import kem, signing
from qcot.crypto.kem import Kem, KemKey
from qcot.crypto.signing import LMS, Algorithm, PublicKey, SigningKey
from qcot.errors import Problem, QcotError
from qcot.reproduce import pqm4
from qcot.reproduce.measure import Cost, Operation, Sizes, cost, memory

MESSAGE = b"36.6 degC, 2024-02-08T00:00:00Z"
KEM_STEPS = ("keygen", "encaps", "decaps")
Scheme = Algorithm | Kem


@dataclass(frozen=True)
class Measured:
    """A scheme on this machine: the cost of each step and the memory it touches (bytes), by the step's name."""

    sizes: Sizes
    costs: Mapping[str, Cost]
    memory: Mapping[str, int | None]


def known() -> dict[str, Scheme]:
    """All that can be measured here, by name."""
    return {**signing.ALGORITHMS, **kem.KEMS}


def named(name: str) -> Scheme:
    """The scheme of that name; raises `algorithm-unknown`, or why it cannot be chosen."""
    return kem.KEMS[name] if name in kem.KEMS else signing.named(name)


def operations(scheme: Scheme) -> tuple[Sizes, dict[str, Operation]]:
    """Sizes as they came out, and the steps in order; what a step gives has been checked by the next one."""
    if isinstance(scheme, Kem):
        return _encapsulates(scheme)
    return _signs_once() if scheme == LMS else _signs(scheme)


def _signs(algorithm: Algorithm) -> tuple[Sizes, dict[str, Operation]]:
    key = SigningKey.generate(algorithm)
    public, signature = key.public_key, key.sign(MESSAGE)
    public.verify(signature, MESSAGE)
    steps: tuple[Operation, ...] = (
        lambda: SigningKey.generate(algorithm),
        lambda: key.sign(MESSAGE),
        lambda: public.verify(signature, MESSAGE),
    )
    return Sizes(len(key.secret), len(public.raw), len(signature)), dict(zip(pqm4.STEPS, steps, strict=True))


def _signs_once() -> tuple[Sizes, dict[str, Operation]]:
    """LMS, of which this program only verifies: pyhsslms signs, with a tree of 32 one-time keys (H5, W8)."""
    key = library.LmsPrivateKey()
    public = PublicKey(LMS, key.publicKey().serialize())

    def sign() -> bytes:
        # One-time keys are used again and again here, which gives them away: nothing that is signed leaves this place.
        again = copy(key)
        again.ots_priv = [copy(key.ots_priv[0])]
        signature: bytes = again.sign(MESSAGE)
        return signature

    signature = sign()
    public.verify(signature, MESSAGE)
    steps: tuple[Operation, ...] = (library.LmsPrivateKey, sign, lambda: public.verify(signature, MESSAGE))
    sizes = Sizes(len(key.serialize()), len(public.raw), len(signature))
    return sizes, dict(zip(pqm4.STEPS, steps, strict=True))


def _encapsulates(kem: Kem) -> tuple[Sizes, dict[str, Operation]]:
    key = KemKey.generate(kem)
    public = key.public_key
    shared, ciphertext = public.encapsulate()
    if key.decapsulate(ciphertext) != shared:
        raise AssertionError(f"{kem.name} does not give back what was encapsulated")
    steps: tuple[Operation, ...] = (
        lambda: KemKey.generate(kem),
        public.encapsulate,
        lambda: key.decapsulate(ciphertext),
    )
    return Sizes(len(key.secret), len(public.raw), len(ciphertext)), dict(zip(KEM_STEPS, steps, strict=True))


def measure(name: str, seconds: float) -> Measured:
    """Measure the scheme of that name in a process that does nothing else, each step for about ``seconds``.

    Raises QcotError as :func:`named` and the scheme's provider do.
    """
    words = [sys.executable, "-P", "-m", __name__, name, str(seconds)]
    found = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    if problem := found.get("problem"):
        raise QcotError(Problem(**problem), found["reason"])
    return Measured(
        Sizes(**found["sizes"]), {step: Cost(**each) for step, each in found["costs"].items()}, found["memory"]
    )


def _measured(name: str, seconds: float) -> Measured:
    sizes, steps = operations(named(name))
    return Measured(
        sizes,
        {step: cost(each, seconds) for step, each in steps.items()},
        {step: memory(each) for step, each in steps.items()},
    )


def _main(name: str, seconds: float) -> None:
    try:
        told = asdict(_measured(name, seconds))
    except QcotError as error:
        told = {"problem": asdict(error.problem), "reason": error.reason}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], float(sys.argv[2]))
