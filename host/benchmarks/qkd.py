"""Photons a second of BB84: ours, one circuit a photon on Aer, and SeQUeNCe's where it installs."""

from __future__ import annotations

import json
import subprocess
import time
import venv
from pathlib import Path
from statistics import median

import numpy as np
from qcot.quantum.backends import run_circuits
from qcot.quantum.qkd import LinkParameters, distribute
from qcot.quantum.qkd.circuits import photon
from qcot.quantum.qkd.photons import transmit
from qcot.quantum.qkd.protocols import BB84, E91

from benchmarks.figure import Figure

PHOTONS = 4_000_000
CIRCUITS = 400
ROUNDS = 5
LOSSLESS = LinkParameters(distance_km=0, efficiency=1)
"""Where nothing gets lost there is most to do."""

SEQUENCE = "sequence==0.8.5"
SEQUENCE_NEEDS = ("qutip==5.3.1", "qutip-qip==0.4.2", "gmpy2==2.3.2")
"""What its BB84 imports; the package itself also asks for JupyterLab and a web interface, which are left out."""
SEQUENCE_KEYS = 3
ENVIRONMENT = Path("build/sequence-venv")
INSTALL_S = 120
RUN_S = 60


def _seconds(work: object, rounds: int = ROUNDS) -> float:
    """Processor seconds, median of some rounds."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()  # type: ignore[operator]
        seconds.append(time.process_time() - began)
    return median(seconds)


def _circuit_per_photon() -> float:
    """Photons a second where each is a circuit of its own, built and run with one shot on ideal Aer, in one job."""
    random = np.random.default_rng(1)
    choices = random.integers(0, 2, (CIRCUITS, 3)).tolist()
    run_circuits([photon(0, 0, 0)], 1, 1)  # imports Qiskit
    return CIRCUITS / _seconds(lambda: run_circuits([photon(*choice) for choice in choices], 1, 1), 3)


def _sequence() -> tuple[float | None, str]:
    """Photons a second of SeQUeNCe, and what there is to say of it; None where it could not be measured."""
    python = ENVIRONMENT / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    script = Path(__file__).with_name("sequence_bb84.py")
    done = ENVIRONMENT / SEQUENCE
    try:
        if not done.exists():
            venv.create(ENVIRONMENT, with_pip=True, clear=True)
            for words in (["--no-deps", SEQUENCE], SEQUENCE_NEEDS):
                subprocess.run([*pip, *words], check=True, capture_output=True, text=True, timeout=INSTALL_S)
            done.touch()
        ran = subprocess.run(
            [python, script, str(SEQUENCE_KEYS)], check=True, capture_output=True, text=True, timeout=RUN_S
        )
    except subprocess.TimeoutExpired as error:
        return None, f"SeQUeNCe not measured: no answer in {error.timeout:.0f} s"
    except subprocess.CalledProcessError as error:
        return None, f"SeQUeNCe not measured: {(error.stderr.strip().splitlines() or ['no reason'])[-1]:.120}"
    except OSError as error:
        return None, f"SeQUeNCe not measured: {error.strerror}"
    found = json.loads(ran.stdout)
    return found["photons"] / found["seconds"], f"{SEQUENCE}, {found['photons']:,} photons of its laser"


def measure() -> list[Figure]:
    """All on one core, in processor seconds."""
    random = np.random.Generator(np.random.SFC64(1))
    ours = PHOTONS / _seconds(lambda: transmit(BB84, PHOTONS, LOSSLESS, random, random.bytes))
    pairs = PHOTONS / _seconds(lambda: transmit(E91, PHOTONS, LOSSLESS, random, random.bytes))
    run = distribute("bb84", PHOTONS // 4, seed=1).require()
    whole = PHOTONS // 4 / _seconds(lambda: distribute("bb84", PHOTONS // 4, seed=1))
    aer = _circuit_per_photon()
    theirs, said = _sequence()
    told = f"one circuit a photon on Aer {aer:,.0f}; " + (said if theirs is None else f"SeQUeNCe {theirs:,.0f}")
    figures = [
        Figure("BB84, sent to sifted, nothing lost, one core", round(ours), "photons/s", "at least", 1_000_000, told),
        Figure("E91, sent to sifted, nothing lost, one core", round(pairs), "pairs/s"),
        Figure(
            "BB84 to final keys, 1 km, one core",
            round(whole),
            "photons/s",
            baseline=f"{len(run.keys)} keys of 32 bytes from {run.sent:,} photons, f = {run.efficiency:.3f}",
        ),
        Figure("BB84, against a circuit a photon on Aer", round(ours / aer), "times"),
    ]
    if theirs is not None:
        figures.append(Figure("BB84, against SeQUeNCe", round(ours / theirs), "times", baseline=said))
    return figures
