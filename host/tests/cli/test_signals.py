"""Ctrl-C and SIGTERM at real processes: a clean status, no traceback, nothing left running."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from home_site import founded
from patience import PATIENCE_S
from qcot.boards.emulator import EmulatedBoard
from qcot.cli.demo import _Interrupt
from qcot.settings import BrokerSettings, Settings

QCOT = [sys.executable, "-c", "from qcot.cli.main import main; main()"]


@contextmanager
def started(*words: str | Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A running `qcot` whose temporary folders are in ``folder``; killed, should a test not have ended it."""
    process = subprocess.Popen(
        [*QCOT, *map(str, words)],
        env=os.environ | {"TMPDIR": str(folder), "QCOT_HOME": str(folder / "home"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], how: signal.Signals) -> tuple[int, str, str]:
    process.send_signal(how)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in out + err
    return process.returncode, out, err


def running_below(folder: Path) -> list[str]:
    """Command lines of all processes that name ``folder``."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_simulated_boards_end_with_their_command(how: signal.Signals, tmp_path: Path) -> None:
    with started("emulate", "native", "--count", "3", folder=tmp_path) as process:
        assert process.stderr is not None
        while "Ctrl-C" not in process.stderr.readline():
            assert process.poll() is None
        status, out, _ = ended(process, how)
    assert status == 0
    assert out.count("port: ") == 3
    assert not running_below(tmp_path)


def test_a_simulated_board_that_ends_by_itself_is_told_and_the_others_are_stopped(tmp_path: Path) -> None:
    with started("emulate", "native", "--count", "2", folder=tmp_path) as process:
        assert process.stderr is not None
        while "Ctrl-C" not in process.stderr.readline():
            assert process.poll() is None
        first, *_ = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(first), signal.SIGKILL)
        said = process.stderr.read()
        status = process.wait()
    assert status == 1
    assert "emulator-gone" in said
    assert not running_below(tmp_path)


def test_boards_that_were_started_end_when_the_rest_is_called_off(tmp_path: Path) -> None:
    with started("emulate", "native", "--count", "500", folder=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        status, _, _ = ended(process, signal.SIGTERM)
    assert status == 128 + signal.SIGTERM
    assert not running_below(tmp_path)


def test_a_demo_that_is_interrupted_while_it_uploads_leaves_nothing_behind(tmp_path: Path) -> None:
    with started("demo", folder=tmp_path) as process:
        assert process.stdout is not None
        while "uploading" not in process.stdout.readline():
            assert process.poll() is None
        status, _, _ = ended(process, signal.SIGINT)
    assert status == 130
    assert not running_below(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As a shell's foreground is; what it runs in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_only_the_first_interrupt_after_the_first_question_is_an_answer() -> None:
    with _Interrupt() as interrupt:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert not interrupt.came()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.came()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_up_serves_the_ports_that_are_named_and_prints_one_document(tmp_path: Path, free_port: int) -> None:
    founded(tmp_path / "home", Settings(broker=BrokerSettings(port=free_port)))
    with EmulatedBoard.start("native", state_dir=tmp_path / "board", seed=1) as board:
        enrolled = subprocess.run(
            [*QCOT, "enroll", board.port, "--rate", "A0=100", "--home", tmp_path / "home", "--json"],
            capture_output=True, text=True, check=True, timeout=PATIENCE_S,
        )  # fmt: skip
        assert json.loads(enrolled.stdout)["rates"] == {"A0": 100}
        with started("up", "--port", board.port, "--seconds", "4", "--json", folder=tmp_path) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert told["readings"] > 0
    assert told["qblocks"] == 1


def test_up_uses_a_broker_that_listens_already_and_refuses_a_second_gateway(tmp_path: Path, free_port: int) -> None:
    founded(tmp_path / "home", Settings(broker=BrokerSettings(port=free_port)))
    with started("up", folder=tmp_path) as first:
        assert first.stdout is not None
        while not (tmp_path / "home" / "ledger" / "ledger.sqlite").exists():
            assert first.poll() is None
        with started("up", folder=tmp_path) as second:
            out, err = second.communicate(timeout=PATIENCE_S)
        assert second.returncode == 1
        assert "using the broker that listens" in out
        assert err.startswith("ledger-locked: ")
        status, out, _ = ended(first, signal.SIGINT)
    assert status == 0
    assert "0 readings in " in out


def test_circuits_that_would_run_for_hours_say_that_they_run_and_end_at_once() -> None:
    """Aer keeps Python's lock as long as a job takes, so Python itself would not see the signal before its end."""
    terminal, inner = os.openpty()
    words = ("quantum", "audit", "--shots", "1000000", "--backend", "noisy", "--sweep", "0")
    process = subprocess.Popen(
        [*QCOT, *words], stdout=subprocess.DEVNULL, stderr=inner, env=os.environ | {"TERM": "xterm"}
    )
    os.close(inner)
    try:
        said = b""
        while b"estimating 42 bits" not in said:
            said += os.read(terminal, 1024)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
