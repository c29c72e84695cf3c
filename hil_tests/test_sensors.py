"""Sensors beside the ADC: what the parts measured, reading by reading, and each failure told in the chain."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import RAMP
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.enroll import enroll
from qcot.link.chain import Fault
from qcot.link.events import SawChannel, SawResult
from qcot.link.messages import Code

NAMES = ("sht31-t", "sht31-h", "ds18b20", "pulses")
CLIMATE = [(26214 + 1000 * i, 65535 - 7919 * i) for i in range(8)]
PROBE = [321, 0, -1, -880, 2000, 1, -16, 1360]  # 1/16 degree; the last is 85 degrees
ROWS = {
    "climate.csv": "temperature,humidity\n" + "".join(f"{t},{h}\n" for t, h in CLIMATE),
    "probe.csv": "".join(f"{each}\n" for each in PROBE),
}
SIMULATED = pytest.mark.reads_signal


@pytest.fixture
def board(env: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[EmulatedBoard]:
    """A board with the parts on its pins that the test names."""
    for name, text in ROWS.items():
        (tmp_path / name).write_text(text)
    marked = request.node.get_closest_marker("devices")
    specs = [spec.replace("file:", f"file:{tmp_path}/") for spec in (marked.args if marked else ())]
    with EmulatedBoard.start(env, state_dir=tmp_path / "board", signal=RAMP, devices=specs) as running:
        yield running


@pytest.fixture
def host(board, registry, connect):
    """A session with the board, and `number`: the channels by their names."""
    known = enroll(board.port, registry).board
    host = connect()
    host.opened()
    host.number = {channel.name: at for at, channel in enumerate(known.channels)}
    return host


def measure(host, *names, rate=1_000):
    for name in names:
        assert host.configure(host.number[name], rate).code is Code.OK


def taken(host, name):
    return host.values(host.number[name])


def faults(host, name):
    """Places of the measurements of a channel that failed, from 1, and why."""
    number, readings = host.number[name], (r for event in host.took for r in event.readings.readings())
    mine = [r for r in readings if r.channel == number or (r.is_fault and r.failed_channel == number)]
    return {at: reading.fault for at, reading in enumerate(mine, 1) if reading.is_fault}


def told(host, name):
    return len(taken(host, name)) + len(faults(host, name))


def test_a_board_names_its_sensors_and_samples_none_of_them_unasked(board, host):
    assert [name for name in host.number if name in NAMES] == list(NAMES)
    assert host.status(lambda status: status.time > 3_000).head == 0


@SIMULATED
@pytest.mark.devices("sht31=file:climate.csv")
def test_every_measurement_of_an_sht31_comes_once_and_in_order(board, host):
    measure(host, "sht31-t", rate=20_000)
    host.until(lambda: len(taken(host, "sht31-t")) >= len(CLIMATE), "all rows")
    assert taken(host, "sht31-t")[: len(CLIMATE)] == [temperature for temperature, _ in CLIMATE]
    assert taken(host, "sht31-h") == []


@SIMULATED
@pytest.mark.devices("sht31=30000,65535")
def test_one_measurement_gives_both_channels_that_are_due_with_it(board, host):
    measure(host, "sht31-t", "sht31-h", rate=10_000)
    host.until(lambda: len(taken(host, "sht31-h")) >= 5, "5 readings")
    assert set(taken(host, "sht31-t")) == {30000}
    assert set(taken(host, "sht31-h")) == {65535}


@SIMULATED
@pytest.mark.devices("ds18b20=file:probe.csv")
def test_every_temperature_of_a_ds18b20_comes_once_while_an_input_is_sampled_in_time(board, host):
    measure(host, "A0", rate=100_000)
    measure(host, "ds18b20")
    host.until(lambda: len(taken(host, "ds18b20")) >= len(PROBE), "all rows")
    assert host.configure(host.number["A0"], 0).code is Code.OK
    assert taken(host, "ds18b20")[: len(PROBE)] == PROBE
    assert faults(host, "ds18b20") == {}
    times = [r.time for event in host.took for r in event.readings.readings() if r.channel == host.number["A0"]]
    assert {after - before for before, after in pairwise(times)} <= {9, 10, 11}
    assert host.losses() == 0


@SIMULATED
@pytest.mark.has_bootloader  # a board of its own time, which no other process delays
@pytest.mark.devices("ds18b20=file:probe.csv")
def test_the_time_of_a_reading_is_when_its_measurement_began(board, host):
    measure(host, "ds18b20")
    host.until(lambda: len(taken(host, "ds18b20")) >= 4, "4 readings")
    times = [r.time for event in host.took for r in event.readings.readings()]
    assert all(995 <= after - before <= 1_005 for before, after in pairwise(times))


@SIMULATED
@pytest.mark.has_bootloader
@pytest.mark.devices("pulses=5000,15000,2")
def test_every_pulse_is_counted_and_no_glitch_while_readings_are_hashed(board, host):
    measure(host, "A0", rate=200_000)
    measure(host, "pulses", rate=5_000)
    host.until(lambda: taken(host, "pulses")[-2:] == [15_000, 15_000], "all pulses")
    counts = taken(host, "pulses")
    assert counts == sorted(counts)
    readings = [r for event in host.took for r in event.readings.readings() if r.channel == host.number["pulses"]]
    running = [(b.value - a.value, b.time - a.time) for a, b in pairwise(readings) if a.value and b.value < 15_000]
    assert running
    assert all(abs(pulses - 5 * ms) <= 10 for pulses, ms in running)


@SIMULATED
@pytest.mark.devices(
    "sht31=file:climate.csv,fault:absent@2,fault:crc@3,fault:held@4-5",
    "ds18b20=file:probe.csv,fault:absent@2,fault:crc@3,fault:held@4,fault:restart@5",
)
def test_a_measurement_that_fails_gives_no_value_and_is_told_in_its_place(board, host):
    measure(host, "ds18b20", "sht31-t")
    host.until(lambda: told(host, "ds18b20") >= 6 and told(host, "sht31-t") >= 6, "6 measurements of each")
    failed = {at: fault for at, fault in faults(host, "sht31-t").items() if at <= 6}
    assert failed == {2: Fault.SILENT, 3: Fault.CHECKSUM, 4: Fault.HELD, 5: Fault.HELD}
    assert taken(host, "sht31-t")[:2] == [CLIMATE[0][0], CLIMATE[5][0]]
    failed = {at: fault for at, fault in faults(host, "ds18b20").items() if at <= 6}
    assert failed == {2: Fault.SILENT, 3: Fault.CHECKSUM, 4: Fault.HELD, 5: Fault.RESTARTED}
    assert taken(host, "ds18b20")[:2] == [PROBE[0], PROBE[5]]


@SIMULATED
@pytest.mark.has_bootloader
@pytest.mark.devices("sht31=file:climate.csv,fault:stuck@2")
def test_a_bus_that_a_chip_holds_is_freed_by_nine_clocks(board, host):
    measure(host, "sht31-t")
    host.until(lambda: told(host, "sht31-t") >= 4, "4 measurements")
    assert list(faults(host, "sht31-t").items()) == [(2, Fault.HELD)]
    assert taken(host, "sht31-t")[:3] == [CLIMATE[0][0], CLIMATE[2][0], CLIMATE[3][0]]


@SIMULATED
@pytest.mark.has_bootloader
def test_a_sensor_that_is_not_there_is_told_each_time_and_the_others_go_on(board, host):
    measure(host, "A0", rate=10_000)
    measure(host, "sht31-h", "ds18b20")
    host.until(lambda: told(host, "ds18b20") >= 3, "3 measurements")
    assert taken(host, "sht31-h") == taken(host, "ds18b20") == []
    assert set(faults(host, "sht31-h").values()) == set(faults(host, "ds18b20").values()) == {Fault.SILENT}
    assert len(taken(host, "A0")) >= 20


def test_a_rate_that_a_sensor_cannot_keep_is_refused(board, host):
    for name, fastest in (("sht31-h", 50_000), ("ds18b20", 1_000), ("pulses", 200_000)):
        host.session.configure(host.number[name], fastest + 1)
        assert host.next(SawResult).code is Code.BAD_RATE
        assert host.configure(host.number[name], fastest).code is Code.OK


@pytest.mark.reads_chip
def test_inputs_that_are_the_bus_are_refused_while_a_sensor_is_on_it_and_the_other_way_round(board, host):
    measure(host, "sht31-t")
    for name in ("A4", "A5"):
        refused = host.configure(host.number[name], 1_000)
        assert (refused.code, refused.detail) == (Code.PIN_TAKEN, host.number["sht31-t"])
    measure(host, "sht31-t", rate=0)
    measure(host, "A4")
    assert host.configure(host.number["sht31-h"], 1_000).code is Code.PIN_TAKEN


def described(host, name):
    host.session.describe(host.number[name])
    found = host.next(SawChannel, lambda event: event.channel.name == name).channel
    return found.num, found.den, found.offset


def calibrated(host, name, *numbers):
    host.session.calibrate(host.number[name], *numbers)
    return host.next(SawResult).code


@pytest.mark.cuts_power
def test_a_calibration_is_told_kept_through_a_power_cut_and_taken_back(board, host, connect):
    made = described(host, "A0")
    measure(host, "A0", rate=5_000)
    assert calibrated(host, "A0", -7, 32767, -100_000) is Code.OK
    assert described(host, "A0") == (-7, 32767, -100_000)
    host.close()
    board.power_cycle()
    again = connect()
    again.opened()
    again.number = host.number
    assert described(again, "A0") == (-7, 32767, -100_000)
    assert described(again, "A1") == made
    again.until(lambda: len(taken(again, "A0")) >= 3, "readings at the remembered rate")
    assert calibrated(again, "A0", 0, 0, 0) is Code.OK
    assert described(again, "A0") == made


@pytest.mark.parametrize("numbers", [(0, 1, 0), (1, 0, 0), (0, 0, 1), (1, -1, 0), (32768, 1, 0), (1, 32768, 0)])
def test_a_calibration_that_cannot_be_kept_is_refused_and_changes_nothing(board, host, numbers):
    before = described(host, "supply")
    assert calibrated(host, "supply", *numbers) is Code.BAD_CALIBRATION
    assert described(host, "supply") == before
