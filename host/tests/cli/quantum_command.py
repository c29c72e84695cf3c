"""Runs `qcot ...` as the program does, in this process, so that Qiskit is imported once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from qcot.cli import app as entry

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `qcot` with these words; gives exit status, standard output and standard error."""

    def run(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["qcot", *map(str, words)])
        monkeypatch.setattr(entry, "app", typer.Typer(name="qcot", callback=entry._root, no_args_is_help=True))
        # The group loads only the technique that the command line names, when it is imported.
        monkeypatch.delitem(sys.modules, "qcot.cli.quantum.group", raising=False)
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
