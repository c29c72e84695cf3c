"""Store and forward: what a board keeps while no host is there comes later, with the times at which it was sampled."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import RAMP
from patience import until
from qcot.boards.avr import CLOCK_HZ, AvrBoard
from qcot.boards.build import TARGETS
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.link.messages import Code
from qcot.link.session import LISTEN
from qcot.link.transport import SerialPort

from host import Host

AWAY_S = float(os.environ.get("QCOT_AWAY", "3"))
"""How long the host is away, in seconds."""
RATE_MHZ = 100_000
A0 = 0


@dataclass(frozen=True)
class Kind:
    """A board, what is on its pins, and how many readings of 4 bytes it keeps."""

    env: str
    devices: tuple[str, ...]
    keeps: int


UNO = Kind("uno", (), 99)
FRAM = Kind("uno_fram", ("fram",), 65_535)
KINDS = {
    "uno": (UNO, FRAM, Kind("megaatmega2560", (), 1_279)),
    "uno_fram": (FRAM,),
    "megaatmega2560": (Kind("megaatmega2560", (), 1_279),),
    "native": (Kind("native", (), 262_143),),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A run on an Uno has its relations with more memory too."""
    if "kind" in metafunc.fixturenames:
        kinds = KINDS.get(metafunc.config.getoption("--board").removesuffix("-mqtt"), (UNO,))
        metafunc.parametrize("kind", kinds, ids=[kind.env for kind in kinds])


class Bench:
    """A board that samples A0, and hosts that come and go without resetting it."""

    def __init__(self, kind: Kind, folder: Path, devices: tuple[str, ...] | None = None) -> None:
        self.env = kind.env
        self.registry = BoardRegistry(folder / "home")
        self.folder = folder
        self.board = EmulatedBoard.start(
            kind.env,
            state_dir=folder / "board",
            signal=RAMP,
            devices=kind.devices if devices is None else devices,
            **({} if TARGETS[kind.env].mcu is None else {"dtr": False}),
        )

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.board.stop()

    def connect(self, before: Host | None = None) -> Host:
        """A host that goes on where ``before`` stood."""
        listen = 0.0 if self.env == "native" else LISTEN
        host = Host(SerialPort(self.board.port), self.registry, self.folder / "line.log", listen)
        if before:
            host.resume, host.took = before.resume, before.took
        return host

    def started(self) -> Host:
        """Enrolled, and some readings taken."""
        enroll(self.board.port, self.registry)
        host = self.connect()
        host.opened()
        assert host.configure(A0, RATE_MHZ).code is Code.OK
        host.until(lambda: len(host.values(A0)) >= 30, "30 readings")
        return host

    def nobody_is_there(self, seconds: float) -> None:
        """Let the board sample alone, by its own clock."""

        def at() -> float:
            return (
                self.board.cycles / CLOCK_HZ if isinstance(self.board, AvrBoard) else self.board.adc_log()[-1].at / 1000
            )

        end = at() + seconds
        until(lambda: at() >= end, f"{seconds} s of the board's clock")

    def stopped(self, host: Host) -> None:
        """Sampling ends, and all that waits is taken."""
        assert host.configure(A0, 0).code is Code.OK
        status = host.status(lambda status: status.base == status.head)
        host.until(lambda: host.resume.seq == status.head, "the rest")

    def sampled(self) -> list[tuple[float, int]]:
        """Milliseconds and value of each conversion of A0, as the emulator saw them."""
        per_ms = CLOCK_HZ / 1000 if isinstance(self.board, AvrBoard) else 1
        return [(each.at / per_ms, each.value) for each in self.board.adc_log() if each.channel == A0]


@pytest.mark.cuts_power
def test_what_was_sampled_without_a_host_comes_later_at_its_own_time_and_what_found_no_room_is_told_to_the_number(
    kind: Kind, tmp_path: Path
) -> None:
    with Bench(kind, tmp_path) as bench:
        host = bench.started()
        host.close()
        bench.nobody_is_there(AWAY_S)
        host = bench.connect(host)
        host.opened()
        host.until(lambda: len(host.values(A0)) >= 130, "readings again")
        bench.stopped(host)
        host.close()
        sampled = bench.sampled()
    readings = [reading for event in host.took for reading in event.readings.readings()]
    assert [reading.seq for reading in readings] == list(range(len(readings)))
    assert host.resume.epoch == host.took[0].position.epoch  # one chain, unbroken: Session refuses any other
    assert (host.losses() > 0) == (kind.keeps < AWAY_S * RATE_MHZ / 1000)
    boot = None
    at = 0
    for reading in readings:
        if reading.is_loss:
            assert abs(sampled[at][0] - reading.time - boot) <= 1.5  # the first that was not stored
            at += reading.value
            continue
        time, value = sampled[at]
        boot = time - reading.time if boot is None else boot
        assert value == reading.value
        assert abs(time - reading.time - boot) <= 1.5
        at += 1
    assert at == len(sampled)


@pytest.mark.takes_fram
def test_a_power_cut_while_readings_wait_begins_a_new_epoch_that_is_whole(tmp_path: Path) -> None:
    """The part keeps its bytes, but no time or seq of the cut epoch goes on: its readings are not sent again."""
    with Bench(FRAM, tmp_path) as bench:
        host = bench.started()
        host.close()
        bench.nobody_is_there(2)
        bench.board.power_cycle()
        again = bench.connect()
        again.resume = host.resume
        opened = again.opened()
        assert opened.opened.epoch > host.resume.epoch
        assert opened.position.seq == 0
        again.until(lambda: len(again.values(A0)) >= 60, "readings of the new epoch")
        assert again.losses() == 0
        again.close()


@pytest.mark.takes_fram
@pytest.mark.parametrize("devices", [(), ("fram=takes:0",), ("fram=size:8192",)], ids=["missing", "stuck", "small"])
def test_a_part_that_is_no_use_at_boot_is_told_and_readings_wait_in_ram(
    tmp_path: Path, devices: tuple[str, ...]
) -> None:
    with Bench(FRAM, tmp_path, devices) as bench:
        enroll(bench.board.port, bench.registry)
        host = bench.connect()
        assert host.hello().store_missing
        host.until(lambda: host.session.device is not None, "a session")
        assert host.configure(A0, RATE_MHZ).code is Code.OK
        host.until(lambda: len(host.values(A0)) >= 60, "60 readings")
        host.close()
        bench.nobody_is_there(3)
        host = bench.connect(host)
        host.opened()
        host.until(lambda: host.losses() > 100, "the loss to be told")
        host.close()


@pytest.mark.takes_fram
def test_a_part_that_ends_to_keep_what_it_is_given_ends_the_epoch_and_is_told(tmp_path: Path) -> None:
    with Bench(FRAM, tmp_path, ("fram=takes:600",)) as bench:
        host = bench.started()
        epoch = host.resume.epoch
        host.until(lambda: host.resume.epoch != epoch and len(host.took) > 5, "another epoch")
        assert any(getattr(event, "hello", None) and event.hello.store_missing for event in host.events)
        host.close()
