"""`make bench`: every figure beside its aim, as a table and as JSON. Run it on a machine with nothing else to do."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from qcot.cli.common import err, print_table

from benchmarks import (
    board,
    bridge,
    channel,
    end_to_end,
    evidence,
    gateway,
    ledger,
    qblock,
    qkd,
    records,
    sha256,
    signer,
    walk,
)
from benchmarks.figure import Figure, Measure, write


def bridge_figures() -> list[Figure]:
    """The bridge without its ports and broker."""
    measured = bridge.measure()
    name = "bridge, one process: MAC, chain, signing, fsynced outbox"
    return [Figure(name, round(measured["readings_per_s"]), "readings/s", "at least", 20_000)]


PARTS: dict[str, Measure] = {
    "sha256": sha256.measure,
    "board": board.measure,
    "signer": signer.measure,
    "bridge": bridge_figures,
    "gateway": gateway.measure,
    "ledger": ledger.measure,
    "evidence": evidence.measure,
    "records": records.measure,
    "channel": channel.measure,
    "walk-hash": walk.measure,
    "qblock-checks": qblock.measure,
    "key-distribution": qkd.measure,
    "end-to-end": end_to_end.measure,
}


def main() -> None:
    """Measure, print, write; exit with 1 when a figure falls short of its aim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where the records go")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this part")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    for name, measure in PARTS.items():
        if chosen.only and name not in chosen.only:
            continue
        begun = time.monotonic()
        with err.status(f"measuring {name}"):
            figures += measure()
        err.print(f"{name}: {time.monotonic() - begun:.0f} s")
    print_table("", ["figure", "measured", "unit", "aim", "", "beside it"], [figure.row() for figure in figures])
    write(figures, chosen.json)
    sys.exit(any(figure.holds is False for figure in figures))


if __name__ == "__main__":
    main()
