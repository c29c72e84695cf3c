#!/usr/bin/env python3
"""Build the firmware and say what each environment takes, and how that changed.

    firmware_sizes.py                 the working tree beside the commit that it stands on
    firmware_sizes.py --commits 5     the last five commits that changed the firmware, too

A commit's sizes are measured once, by building it in build/firmware-sizes, and kept there by its id.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from platformio.project.config import ProjectConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))
from qcot.boards.build import SOURCES, Say, flash_image, only_one, run_pio, static_ram
from qcot.cli.common import err, out, print_table

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "build" / "firmware-sizes"
Sizes = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Row:
    """Sizes of one commit, or of the working tree (``commit`` empty): environment to flash and static RAM in bytes."""

    commit: str
    subject: str
    sizes: Sizes


def environments(root: Path) -> dict[str, str]:
    """Environments that a bare `pio run` builds in the project at ``root``, and the platform of each."""
    config = ProjectConfig(str(root / "platformio.ini"))
    named = config.get("platformio", "default_envs") or config.envs()
    return {name: config.get(f"env:{name}", "platform") for name in named}


def measure(root: Path, say: Say) -> Sizes:
    """Build the project at ``root`` and measure what is for an AVR; ends the program with the words of what fails."""
    found = Sizes()
    for env, platform in environments(root).items():
        say(env)
        # One at a time: the last lines are then those of the one that fails.
        with only_one(root, env):
            status, tail = run_pio(root, ["run", "-e", env], lambda line: None)
        if status:
            sys.exit("\n".join([*tail, f"{env} does not build"]))
        if platform == "atmelavr":
            elf = root / ".pio" / "build" / env / "firmware.elf"
            found[env] = len(flash_image(elf)), static_ram(elf)
    return found


def of_commit(commit: str, say: Say) -> Sizes:
    """Sizes of a commit, from the cache where it was measured before."""
    kept = CACHE / f"{commit}.json"
    if kept.exists():
        return {env: (flash, ram) for env, (flash, ram) in json.loads(kept.read_text()).items()}
    folder = CACHE / "tree"
    subprocess.run(["rm", "-rf", *(folder / name for name in SOURCES)], check=True)
    archive = subprocess.run(["git", "archive", commit, "--", *SOURCES], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    sizes = measure(folder, say)
    kept.write_text(json.dumps(sizes))
    return sizes


def history(count: int) -> list[tuple[str, str]]:
    """The last commits that changed the firmware, oldest first, with their subjects; none where this is no clone."""
    command = ["git", "log", f"-{count}", "--format=%h %s", "--", *SOURCES]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    found = [line.partition(" ") for line in done.stdout.splitlines()]
    return [(commit, subject) for commit, _, subject in reversed(found)]


def table(rows: Iterable[Row]) -> list[list[str]]:
    """A line for each row and environment: flash, its change since the row before, RAM, its change."""
    lines, before = [], Sizes()
    for row in rows:
        for env, sizes in row.sizes.items():
            cells = [row.commit or "as it is", env]
            for now, then in zip(sizes, before.get(env, (None, None)), strict=True):
                change = "" if then is None else "same" if now == then else f"{now - then:+,}"
                cells += [f"{now:,}", change]
            lines.append([*cells, row.subject])
        before = row.sizes
    return lines


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=1, help="how many of the last commits to compare with")
    chosen = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    rows = []
    with err.status("building") as status:
        for commit, subject in history(chosen.commits):
            sizes = of_commit(commit, lambda env, commit=commit: status.update(f"building {env} of {commit}"))
            rows.append(Row(commit, subject[:32], sizes))
        rows.append(Row("", "", measure(ROOT, lambda env: status.update(f"building {env} as it is"))))
    print_table("", ["commit", "environment", "flash B", "change", "static RAM B", "change", ""], table(rows))
    out.print("limits: firmware/platform/gate.py; a build that is over them fails", markup=False)


if __name__ == "__main__":
    main()
