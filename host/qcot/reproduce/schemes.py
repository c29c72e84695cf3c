"""Every signature algorithm and KEM of this program as something to be measured, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from qcot.crypto import kem, signing
from qcot.crypto.kem import Kem, KemKey
from qcot.crypto.signing import Algorithm, SigningKey
from qcot.errors import QcotError
from qcot.reproduce.measure import Cost, Operation, Sizes, cost, memory

MESSAGE = b"36.6 degC, 2024-02-08T00:00:00Z"
SIGNATURE_STEPS = ("keygen", "sign", "verify")
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
    return _signs(scheme) if isinstance(scheme, Algorithm) else _encapsulates(scheme)


def _signs(algorithm: Algorithm) -> tuple[Sizes, dict[str, Operation]]:
    key = SigningKey.generate(algorithm)
    public, signature = key.public_key, key.sign(MESSAGE)
    public.verify(signature, MESSAGE)
    steps: tuple[Operation, ...] = (
        lambda: SigningKey.generate(algorithm),
        lambda: key.sign(MESSAGE),
        lambda: public.verify(signature, MESSAGE),
    )
    return Sizes(len(key.secret), len(public.raw), len(signature)), dict(zip(SIGNATURE_STEPS, steps, strict=True))


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
    """Measure the scheme of that name in a process that does nothing else, each step for about ``seconds``."""
    words = [sys.executable, "-P", "-m", __name__, name, str(seconds)]
    found = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    if "error" in found:
        raise AssertionError(found["error"])
    return Measured(
        Sizes(**found["sizes"]), {step: Cost(**each) for step, each in found["costs"].items()}, found["memory"]
    )


def _main(name: str, seconds: float) -> None:
    try:
        sizes, steps = operations(named(name))
    except QcotError as error:
        json.dump({"error": str(error)}, sys.stdout)
        return
    found = Measured(
        sizes,
        {step: cost(each, seconds) for step, each in steps.items()},
        {step: memory(each) for step, each in steps.items()},
    )
    json.dump(asdict(found), sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], float(sys.argv[2]))
