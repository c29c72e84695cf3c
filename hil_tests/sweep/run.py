"""`make sweep`: many lives, some at a time, one account."""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

from qcot.boards.build import build
from qcot.boards.emulator import build_emulator

from sweep.life import Account, Broken, Plan, live

ENV = "uno_h5"
CUTS_A_LIFE = 400
LIVES_A_SEED = 10_000


def plans_of(cuts: int, seed: int, env: str, elf: Path, *, prepared: bool = False, least: int = 1) -> list[Plan]:
    """The lives that so many cuts are shared among, at ``least`` so many."""
    lives = max(least, round(cuts / CUTS_A_LIFE))
    ends = [cuts * at // lives for at in range(lives + 1)]
    return [Plan(env, elf, seed * LIVES_A_SEED + at, ends[at + 1] - ends[at], prepared=prepared) for at in range(lives)]


def sweep(plans: list[Plan], workers: int = 1, progress: Callable[[int], None] = lambda _: None) -> Account:
    """Live ``plans``, so many at a time; ``progress`` hears how many cuts were made so far."""
    build_emulator()
    total, done = Account(), 0
    if workers == 1:
        for plan in plans:
            before = total.cuts
            count = itertools.count(before + 1)
            total.add(_live(plan, lambda count=count: progress(next(count))))  # type: ignore[misc]
        return total
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(workers) as pool:
        ticks = manager.Queue()
        waiting = [pool.apply_async(_work, (plan, ticks)) for plan in plans]
        while not all(each.ready() for each in waiting):
            try:
                ticks.get(timeout=0.5)
                done += 1
            except Empty:
                pass
            progress(done)
        for each in waiting:
            total.add(each.get())
    return total


def _live(plan: Plan, tick: Callable[[], None] = lambda: None) -> Account:
    with tempfile.TemporaryDirectory(prefix="qcot-sweep-") as folder:
        return live(plan, Path(folder), tick)


def _work(plan: Plan, ticks: Any) -> Account:
    return _live(plan, lambda: ticks.put(1))


def main() -> int:
    """Parse, sweep, tell; 1 when a board broke its word."""
    parser = argparse.ArgumentParser(prog="make sweep ARGS=", description=__doc__)
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="all that is drawn by lot follows from it")
    parser.add_argument("--workers", type=int, default=2, help="lives at a time")
    parser.add_argument("--env", default=ENV, help="environment of platformio.ini")
    parser.add_argument(
        "--prepared", action="store_true", help="lay most of each key into the EEPROM: lives are shorter"
    )
    parser.add_argument("--elf", type=Path, help="a program other than that environment's")
    parser.add_argument("--json", type=Path, help="where the account goes too")
    parser.add_argument("--again", metavar="LIFE:CUTS:CUT", help="one cut of one life again, as a violation names it")
    chosen = parser.parse_args()
    elf = chosen.elf or build(chosen.env).elf
    plans = plans_of(chosen.cuts, chosen.seed, chosen.env, elf, prepared=chosen.prepared, least=chosen.workers)
    if chosen.again:
        life, cuts, cut = map(int, chosen.again.split(":"))
        plans = [Plan(chosen.env, elf, life, cuts, cut, chosen.prepared)]
    begun = time.monotonic()
    account = sweep(plans, min(chosen.workers, len(plans)), _Progress(chosen.cuts))
    tell(account, time.monotonic() - begun)
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(account.record(), indent=1))
    return 1 if account.broken else 0


class _Progress:
    """Tells how far it is: often on a terminal, else at each twentieth."""

    def __init__(self, cuts: int) -> None:
        self._cuts = cuts
        self._begun = self._told = time.monotonic()
        self._next = 0

    def __call__(self, done: int) -> None:
        now, live = time.monotonic(), sys.stdout.isatty()
        if done < self._next or (live and now - self._told < 1 and done < self._cuts):
            return
        self._told, self._next = now, min(done + (1 if live else max(self._cuts // 20, 1)), self._cuts)
        seconds = now - self._begun
        left = f", about {seconds / done * (self._cuts - done):.0f} s more" if 0 < done < self._cuts else ""
        line = f"{done} of {self._cuts} cuts in {seconds:.0f} s{left}"
        print(f"\r{line:<60}" if live else line, end="" if live and done < self._cuts else "\n", flush=True)


def tell(account: Account, seconds: float) -> None:
    """The account as text."""
    print(f"{account.cuts} power cuts in {seconds:.0f} s, {account.torn} of them within an EEPROM byte, which was torn")
    print("  by stage:  " + ", ".join(f"{name} {count}" for name, count in account.stages.items()))
    print("  by fault:  " + ", ".join(f"{name} {count}" for name, count in sorted(account.faults.items())))
    print(f"  further cuts of brown-outs {account.brown_outs}, boards that told of damage {account.damage_told}")
    print(f"  whole signatures verified {account.signatures}, keys made whole after a cut {account.keys}")
    print(f"violations: {len(account.broken)}")
    for broken in account.broken[:20]:
        tell_broken(broken)


def tell_broken(broken: Broken) -> None:
    """One violation, and how to see it again."""
    pair = zip(bytes.fromhex(broken.before), bytes.fromhex(broken.after), strict=True)
    changed = [f"{at}: {old:02x} to {new:02x}" for at, (old, new) in enumerate(pair) if old != new]
    print(f"  {broken.name}: {broken.detail}")
    print(f"    {broken.stage}, cycle {broken.cycle}, fault {broken.fault}")
    print(f"    EEPROM bytes that changed: {', '.join(changed[:8]) or 'none'}")
    print(f"    again: make sweep ARGS='--again {broken.life}:{broken.cuts}:{broken.cut}'")
