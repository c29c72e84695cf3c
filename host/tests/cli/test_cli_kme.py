"""`qcot kme` as people type it: certificates, the server, its state."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from qcot.cli import app as entry
from qcot.home import create_home
from qcot.settings import Settings

QCOT = [sys.executable, "-c", "from qcot.cli.main import main; main()"]


@pytest.fixture
def qcot(tmp_path, monkeypatch, capsys):
    """Run `qcot kme` with these words and variables; gives all that it said."""
    create_home(tmp_path / "home", Settings())
    monkeypatch.setenv("QCOT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words, status=0, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["qcot", "kme", *words])
        with pytest.raises(SystemExit) as ended:
            entry.run()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert int(ended.value.code or 0) == status, out + err
        return out + err

    return run


def test_certificates_server_and_status_on_one_machine(qcot, tmp_path, free_port):
    url = f"https://127.0.0.1:{free_port}"
    assert "kme-not-set" in qcot("status", status=1)
    assert "kme-tls-files" in qcot("serve", status=1)
    assert "kme-tls-files" in qcot("status", status=1, QCOT_QKD__URL=url)
    made = json.loads(qcot("certificates", "--json"))
    assert made["clients"] == ["bridge", "gateway"]
    folder = Path(made["folder"])
    assert folder == tmp_path / "home" / "kme" / "tls"
    assert {path.stat().st_mode & 0o077 for path in (folder, folder.parent, *folder.glob("*.key"))} == {0}
    assert "kme-unreachable" in qcot("status", status=1)
    server = subprocess.Popen(
        [*QCOT, "kme", "serve", "--port", str(free_port), "--store", "7", "--photons", "200000", "--json"],
        env=os.environ | {"QCOT_HOME": str(tmp_path / "home")}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        said = "".join(iter(server.stdout.readline, "}\n")) + "}"
        assert json.loads(said)["url"] == url
        while (found := json.loads(qcot("status", "--json")))["stored_key_count"] == 0:
            pass
        assert (found["master_sae"], found["slave_sae"], found["max_key_count"]) == ("bridge", "gateway", 7)
        assert re.search(r"gateway +bridge +7 +7 ", qcot("status", "--as", "gateway", "--to", "bridge"))
        assert "kme-tls-files" in qcot("status", "--as", "nobody", status=1)
        assert "kme-state" in qcot("serve", "--port", "0", status=1)
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


@pytest.mark.parametrize("words", [("certificates",), ("serve",), ("status",)], ids=" ".join)
def test_every_command_explains_itself_with_an_example(qcot, words):
    assert re.search(rf"Example: .*qcot kme {words[0]}", qcot(*words, "--help"))


def test_a_name_that_no_client_can_have_is_refused(qcot):
    assert "certificates-not-made" in qcot("certificates", "a b", status=1)
