"""QCoT Table 2.2: the signature schemes' sizes and speed on this machine, beside pqm4's cycles on a Cortex-M4.

What was dropped by NIST is not run. Times are wall clock, medians of repeated runs with their quartiles.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from qcot.reproduce import chart
from qcot.reproduce.measure import Cost, Sizes, cost
from qcot.reproduce.model import Result, Row, Run, table
from qcot.reproduce.pqm4 import SCHEMES, STEPS, Scheme, cortex_m4, read
from qcot.reproduce.schemes import MESSAGE

BUDGET_S = 0.2
"""For each operation of each scheme."""


@dataclass(frozen=True)
class Measured:
    """A scheme on this machine."""

    sizes: Sizes
    keygen: Cost
    sign: Cost
    verify: Cost


Operations = tuple[Callable[[], tuple[bytes, bytes]], Callable[[bytes, bytes], bytes], Callable[..., object]]
"""keygen -> (public, private); sign(private, message); verify(public, message, signature)."""


def run(how: Run) -> Result:
    """Measure every scheme that still stands and hold the printed sizes against today's."""
    printed, corrected = _sizes("qcot-table-2-2.csv"), read("pqm4-2022.csv")
    here: dict[str, Measured] = {}
    for done, scheme in enumerate(SCHEMES):
        operations = _operations(scheme)
        if operations is not None:
            here[scheme.row] = measure(operations)
        how.progress((done + 1) / len(SCHEMES))
    today = {scheme.row: scheme for scheme in SCHEMES}
    rows = [_row(name, printed[name], record, today.get(name), here.get(name)) for name, record in corrected.items()]
    timings = STEPS
    columns = ["scheme", "today", "provider", "private key B", "public key B", "signature B"]
    columns += [f"{name} here ms {what}" for name in timings for what in ("median", "lower quartile", "upper quartile")]
    columns += [f"{name} Cortex-M4 cycles" for name in timings] + [f"{name} Cortex-M4 stack B" for name in timings]
    data: list[list[str | int | float]] = []
    for name, record in corrected.items():
        listed, found = today.get(name), here.get(name)
        line: list[str | int | float] = [name, listed.today if listed else "dropped", listed.provider if listed else ""]
        line += [int(record[f"{part}_bytes"]) for part in ("private_key", "public_key", "signature")]
        for timing in (getattr(found, each) for each in timings) if found else [None] * len(timings):
            line += [timing.median, timing.low, timing.high] if timing else ["", "", ""]
        line += [int(record[f"{each}_cycles"]) for each in timings] + [int(record[f"{e}_stack_bytes"]) for e in timings]
        data.append(line)
    costs = {today[name].today: (found.keygen, found.sign, found.verify) for name, found in here.items()}
    draw = partial(chart.draw, costs, cortex_m4(), "Signature schemes (QCoT Table 2.2)")
    return Result(tuple(rows), table(columns, data), draw, "this machine's processor")


def measure(operations: Operations) -> Measured:
    """Run keygen, sign and verify; a signature that does not verify raises what the provider raises."""
    keygen, sign, verify = operations
    public, private = keygen()
    signature = sign(private, MESSAGE)
    verify(public, MESSAGE, signature)
    return Measured(
        Sizes(len(private), len(public), len(signature)),
        cost(keygen, BUDGET_S),
        cost(lambda: sign(private, MESSAGE), BUDGET_S),
        cost(lambda: verify(public, MESSAGE, signature), BUDGET_S),
    )


def _operations(scheme: Scheme) -> Operations | None:
    """The scheme's functions; None where the extra that has it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Falcon's patent notice stands in pyproject.toml
            module: Any = importlib.import_module(f"{scheme.provider}.sign.{scheme.module}")
    except ImportError:
        return None
    if scheme.provider == "pqcrypto":
        return module.keygen, module.sign, module.verify
    return (
        module.keypair,
        lambda private, message: bytes(module.sign(message, private)),
        lambda public, message, signature: module.verify(signature, message, public),
    )


def _row(name: str, printed: Sizes, record: Mapping[str, str], scheme: Scheme | None, found: Measured | None) -> Row:
    restored = Sizes(*(int(record[f"{part}_bytes"]) for part in ("private_key", "public_key", "signature")))
    standard = _STANDARD.get(scheme.today, restored) if scheme else restored
    what = f"{name}: private key / public key / signature, bytes"
    cycles = f"{int(record['sign_cycles']) / 1e6:,.1f} and {int(record['verify_cycles']) / 1e6:,.1f} million cycles"
    if scheme is None or found is None:
        why = "dropped by NIST" if scheme is None else "install the extra `falcon` to run it"
        why += f"; on a Cortex-M4 {cycles} to sign and to verify"
        return Row(what, str(printed), str(standard), "not run", printed == standard, None, why)
    why = next(why for key, why in _WHY.items() if name.startswith(key))
    why += f"; here {found.sign.median:.3g} and {found.verify.median:.3g} ms to sign and to verify ({scheme.provider})"
    why += f", on a Cortex-M4 {cycles}"
    theory, sizes = standard, found.sizes
    if scheme.provider == "pqc":  # what it makes is not padded: of any length, so only the keys can be held to theory
        theory, sizes = (replace(each, output=0) for each in (standard, found.sizes))
    return Row(what, str(printed), str(standard), str(found.sizes), printed == standard, sizes == theory, why)


_STANDARD = {"ML-DSA-44": Sizes(2560, 1312, 2420), "ML-DSA-65": Sizes(4032, 1952, 3309)}
"""Where the standard's sizes are no longer those of pqm4's version (FIPS 204 table 2)."""
_WHY = {
    "SPHINCS+": "private and public key are swapped, and 128f and 256f have signature sizes of before round 3",
    "Falcon": "666 and 1,280 padded today, unpadded ones vary; the stack figures printed repeat another row's",
    "Dilithium": "FIPS 204 lengthened the private key, and ML-DSA-65's signature to 3,309",
}


def _sizes(file: str) -> dict[str, Sizes]:
    return {
        name: Sizes(*(int(record[f"{part}_bytes"]) for part in ("private_key", "public_key", "signature")))
        for name, record in read(file).items()
    }
