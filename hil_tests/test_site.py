"""The whole way, by the commands that people type: what README.md says of a real board, with the board under test."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import PATIENCE_S, until
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.recording import heartpy_recordings
from qcot.demo.account import agrees, readings_of, told
from qcot.errors import QcotError
from qcot.home import Home
from qcot.ledger.reader import Reader

A0 = 0
QCOT = [sys.executable, "-c", "from qcot.cli.main import main; main()"]


class Site:
    """A home, its commands and its daemons, each a process of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = Home(home)
        self._environment = os.environ | {
            "QCOT_HOME": str(home),
            "QCOT_BROKER__PORT": str(port),
            "QCOT_GATEWAY__INTERVAL_S": "1",
        }

    def command(self, *words: str, status: int = 0) -> str:
        done = subprocess.run(
            [*QCOT, *words], env=self._environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def daemon(self, *words: str, **settings: str):
        process = subprocess.Popen(
            [*QCOT, *words],
            env=self._environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=PATIENCE_S)
            assert "Traceback" not in said, said

    def readings(self, device: bytes) -> int:
        try:
            with Reader.open(self.home.ledger) as ledger:
                state = ledger.devices().get(device)
                return state.next_seq if state else 0
        except QcotError:  # not made yet
            return 0

    def told(self, device: bytes) -> list[int | None]:
        """The values in the ledger, None for each that it says was lost: a busy machine may let a board run full."""
        with Reader.open(self.home.ledger) as ledger:
            return told(readings_of(ledger, device), A0)

    def verified(self) -> dict[str, object]:
        return json.loads(self.command("ledger", "verify", "--shots", "64", "--json"))


@pytest.fixture
def site(tmp_path: Path, free_port: int) -> Site:
    made = Site(tmp_path / "site", free_port)
    made.command("init")
    return made


@pytest.mark.has_bootloader
def test_the_five_lines_of_the_readme(env, site, tmp_path):
    recording = heartpy_recordings()[0]
    with EmulatedBoard.start(env, state_dir=tmp_path / "board", signal=recording, blank=True) as board:
        assert "uploaded and read back" in site.command("flash", env, "--port", board.port)
        enrolled = json.loads(site.command("enroll", board.port, "--rate", "A0=100", "--json"))
        device = bytes.fromhex(enrolled["device"])
        with site.daemon("up", QCOT_BRIDGE__PORTS=json.dumps([board.port])):
            until(lambda: site.readings(device) >= 300, "300 readings in the ledger")
        outcome = site.verified()
        assert outcome["holds"], outcome
        assert outcome["boards"] == 1
        values, sampled = site.told(device), [each.value for each in board.adc_log() if each.channel == A0]
        # What was sampled before `up` opened the port went with that reset; from there on nothing is missing untold.
        assert any(agrees(values, sampled[at : at + len(values)]) for at in range(len(sampled)))
    evidence = tmp_path / "reading.qcot"
    with Reader.open(site.home.ledger) as ledger:
        epoch = ledger.devices()[device].epoch
        (value,) = (each.value for each in readings_of(ledger, device) if each.seq == 42)
    site.command("ledger", "prove", device.hex(), str(epoch), "42", "--out", str(evidence))
    elsewhere = Site(tmp_path / "nowhere", 1)
    said = json.loads(elsewhere.command("verify", str(evidence), "--json"))
    assert said["holds"]
    assert (said["facts"]["device"], said["facts"]["value"]) == (device.hex(), value)
    forged = bytearray(evidence.read_bytes())
    forged[300] ^= 1
    evidence.write_bytes(forged)
    assert not json.loads(elsewhere.command("verify", str(evidence), "--json", status=1))["holds"]


@pytest.mark.keeps_running
def test_kills_of_bridge_gateway_and_broker_lose_nothing_that_a_board_sampled(env, site, tmp_path):
    with EmulatedBoard.start(env, state_dir=tmp_path / "board", signal=heartpy_recordings()[1]) as board:
        device = bytes.fromhex(json.loads(site.command("enroll", board.port, "--rate", "A0=0", "--json"))["device"])
        ports = {"QCOT_BRIDGE__PORTS": json.dumps([board.port]), "QCOT_BRIDGE__RATES": '{"*": {"A0": 100}}'}
        broker_port = site._environment["QCOT_BROKER__PORT"]
        with site.daemon("broker", "--port", broker_port):
            for victim in ("bridge", "gateway", "bridge"):
                with site.daemon("gateway") as gateway, site.daemon("bridge", **ports) as bridge:
                    seen = site.readings(device)
                    until(lambda seen=seen: site.readings(device) >= seen + 100, "100 more readings in the ledger")
                    {"bridge": bridge, "gateway": gateway}[victim].send_signal(signal.SIGKILL)
        with site.daemon("gateway"), site.daemon("bridge", **ports):
            seen = site.readings(device)
            time.sleep(3)  # no broker: the bridge's outbox holds what comes
            assert site.readings(device) == seen
            with site.daemon("broker", "--port", broker_port):
                until(lambda: site.readings(device) >= seen + 300, "what came meanwhile in the ledger")
        ports["QCOT_BRIDGE__RATES"] = '{"*": {"A0": 0}}'
        with site.daemon("broker", "--port", broker_port), site.daemon("gateway"), site.daemon("bridge", **ports):
            until(lambda: site.readings(device) >= len(board.adc_log()), "every reading in the ledger")
            sampled = [each.value for each in board.adc_log() if each.channel == A0]
        assert site.told(device) == sampled
        outcome = site.verified()
        assert outcome["holds"], outcome
        assert outcome["readings"] == len(sampled) > 300


@pytest.mark.keeps_running
def test_a_broker_that_is_away_for_a_minute_costs_nothing(env, site, tmp_path):
    with EmulatedBoard.start(env, state_dir=tmp_path / "board", signal=heartpy_recordings()[2]) as board:
        device = bytes.fromhex(json.loads(site.command("enroll", board.port, "--rate", "A0=0", "--json"))["device"])
        ports = {"QCOT_BRIDGE__PORTS": json.dumps([board.port]), "QCOT_BRIDGE__RATES": '{"*": {"A0": 50}}'}
        broker_port = site._environment["QCOT_BROKER__PORT"]
        with site.daemon("gateway"):
            with site.daemon("bridge", **ports):
                with site.daemon("broker", "--port", broker_port):
                    until(lambda: site.readings(device) > 0, "readings in the ledger")
                before = site.readings(device)
                time.sleep(60)
                assert site.readings(device) - before < 100  # nothing came while it was away
                with site.daemon("broker", "--port", broker_port):
                    until(lambda: site.readings(device) >= before + 50 * 60, "a minute's readings in the ledger")
            ports["QCOT_BRIDGE__RATES"] = '{"*": {"A0": 0}}'
            with site.daemon("broker", "--port", broker_port), site.daemon("bridge", **ports):
                until(lambda: site.readings(device) >= len(board.adc_log()), "every reading in the ledger")
        assert site.told(device) == [each.value for each in board.adc_log() if each.channel == A0]
        assert site.verified()["holds"]
