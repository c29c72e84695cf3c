"""Runs `qcot ...` as the program does, in this process, so that Qiskit is imported once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from qcot.cli import app as entry

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `qcot` with these words; gives exit status, standard output and standard error."""

    def run(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["qcot", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            entry.run()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err

    monkeypatch.setenv("COLUMNS", "200")
    return run


@pytest.fixture
def quantum(program: Run) -> Run:
    """Run `qcot quantum` with these words."""
    return lambda *words: program("quantum", *words)
