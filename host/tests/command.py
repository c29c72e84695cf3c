"""`qcot` in this process, as an operator types it; test modules take the fixture from here."""

from collections.abc import Callable
from pathlib import Path

import pytest
from qcot.cli import app as entry

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `qcot` with these words; gives exit status, standard output and standard error. The home is tmp_path/home."""

    def qcot(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["qcot", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            entry.run()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err

    monkeypatch.setenv("QCOT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return qcot
