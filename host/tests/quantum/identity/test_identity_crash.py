"""A real process is killed in the middle of a validation; no key that it had is ever used again."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from qcot.errors import QcotError
from qcot.quantum.identity import Parameters, Prover, Verifier
from qcot.quantum.qkd.store import Key, KeyStore

SCRIPT = Path(__file__).with_name("crash_validation.py")
KEYS = 6
SIZES = Parameters(4, 4, 0, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys = [Key(uuid.uuid4(), bytes([i]) * 32) for i in range(KEYS)]
    for name in ("verifier", "prover"):
        with KeyStore(tmp_path / name) as store:
            store.add(keys)
    return tmp_path


def killed(folder: Path, where: str, after: str, times: int = 1) -> Counter[tuple[str, str]]:
    """Run until it has said ``after`` that often, then kill -9; gives what keys each end was handed, and how often."""
    with subprocess.Popen([sys.executable, SCRIPT, folder, where], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        handed: Counter[tuple[str, str]] = Counter()
        for line in process.stdout:
            name, _, rest = line.strip().partition(" ")
            if name in ("verifier", "prover"):
                handed[name, rest] += 1
            times -= line.startswith(after)
            if not times:
                break
        process.kill()
        for line in process.stdout:  # said before it died
            name, _, rest = line.strip().partition(" ")
            if name in ("verifier", "prover"):
                handed[name, rest] += 1
    assert process.returncode == -9
    return handed


def use_the_rest(folder: Path, handed: Counter[tuple[str, str]]) -> int:
    """Validate until no key is left, as after a restart; gives how many validations there were."""
    done = 0
    with KeyStore(folder / "verifier", create=False) as wants, KeyStore(folder / "prover", create=False) as shows:
        while wants.available():
            verifier, prover = Verifier(wants, bytes(32), SIZES), Prover(shows, np.random.default_rng(2))
            challenge = verifier.challenge()
            handed["verifier", str(challenge.key_id)] += 1
            prover.answer(challenge)
            handed["prover", str(challenge.key_id)] += 1
            done += 1
    return done


@pytest.mark.parametrize("step", ["challenge", "answer", "check", "compare"])
def test_a_key_is_not_used_again_after_a_kill_at_a_step(folder: Path, step: str) -> None:
    handed = killed(folder, step, "reached")
    ends = [name for name, _ in handed]
    assert ends == (["verifier"] if step == "challenge" else ["verifier", "prover"])
    (key_id,) = {uuid.UUID(key) for _, key in handed}
    assert use_the_rest(folder, handed) == KEYS - 1
    assert set(handed.values()) == {1}
    for name in ends:
        with KeyStore(folder / name, create=False) as store, pytest.raises(QcotError, match=r"^key-used: "):
            store.take_by_id(key_id)


def test_a_key_is_not_used_again_after_a_kill_while_circuits_run(folder: Path) -> None:
    handed = killed(folder, "loop", "prover", 3)
    lost = len({key for _, key in handed})
    # The kill may have come between a commit and the word of it: that key is lost, never used twice.
    assert KEYS - lost - 1 <= use_the_rest(folder, handed) <= KEYS - lost
    assert set(handed.values()) == {1}
