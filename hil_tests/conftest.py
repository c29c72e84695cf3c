"""The board under test: `--board=native|uno|nano|megaatmega2560|/dev/ttyACM0`, or QCOT_BOARD.

Tests are marked by what they need of a board (`cuts_power`, `reads_signal`, ...); a board that cannot do it, such as a
real one whose plug nobody pulls, does not get the test. The bytes of both directions are kept when a test fails.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from air import Air
from qcot.boards.build import TARGETS
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.recording import Signal
from qcot.boards.registry import BoardRegistry
from qcot.bridge.mqtt_lines import MqttLine
from qcot.link.session import LISTEN
from qcot.link.transport import SerialPort

from host import Host

CAPABILITIES = {
    "cuts_power": "power and cable can be cut by the test",
    "reads_signal": "the test decides what the inputs see and knows what the ADC read",
    "erases": "the identity can be erased physically by the test",
    "has_bootloader": "firmware goes in through a bootloader",
    "resets_on_open": "opening the port resets the board, as DTR does",
    "resets_in_place": "a reset leaves the port open",
    "small_ring": "a few seconds without a host fill the ring",
    "shows_led": "the test sees the LED",
    "reads_chip": "the chip has a temperature sensor",
    "takes_fram": "a serial FRAM can be put on its pins",
    "keeps_running": "opening the port does not reset the board",
    "own_usb": "the chip is the USB device itself",
    "steps": "the test holds the time of a simulated chip, and forks it",
}
SIMULATED = {"cuts_power", "reads_signal", "erases"}
AVR = SIMULATED | {"has_bootloader", "resets_on_open", "resets_in_place", "small_ring", "shows_led", "steps"}
HAS = {
    "native": SIMULATED | {"keeps_running"},
    "leonardo": SIMULATED | {"resets_in_place", "small_ring", "shows_led", "own_usb"},
    "uno": AVR | {"reads_chip", "takes_fram"},
    **dict.fromkeys(("nano", "nano_old"), AVR | {"reads_chip"}),
    "uno_fram": (AVR - {"small_ring"}) | {"reads_chip", "takes_fram"},
    "megaatmega2560": AVR,
}
DEVICES = {"uno_fram": ("fram",)}
REAL_PORT = {"resets_on_open"}

OVER_MQTT = "native-mqtt"
"""The native board with a broker for a cable, where its test has enrolled it."""

RAMP = Signal("ramp", tuple(i / 100 for i in range(1000)), tuple((i * 7) % 1024 for i in range(1000)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--board", default=os.environ.get("QCOT_BOARD", "native"), help=f"{', '.join(TARGETS)}, {OVER_MQTT} or a port"
    )


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in CAPABILITIES.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.addinivalue_line("markers", "devices(*specs): simulated parts on the board's pins")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    has = HAS.get(config.getoption("--board").removesuffix("-mqtt"), REAL_PORT)
    wanting = [item for item in items if {mark.name for mark in item.iter_markers()} & set(CAPABILITIES) - has]
    config.hook.pytest_deselected(items=wanting)
    items[:] = [item for item in items if item not in wanting]


@pytest.fixture(scope="session")
def env(request: pytest.FixtureRequest) -> str:
    """The kind of board, or the port of a real one."""
    return str(request.config.getoption("--board")).removesuffix("-mqtt")


@pytest.fixture(scope="session")
def air(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Air | None]:
    """The broker, where the board under test has one for its cable."""
    if request.config.getoption("--board") != OVER_MQTT:
        yield None
        return
    running = Air(tmp_path_factory.mktemp("air"))
    yield running
    running.close()


class RealBoard:
    """A board on a real port: all that a test may use of it is the port."""

    def __init__(self, port: str) -> None:
        self.port = port


@pytest.fixture
def board(env: str, air: Air | None, tmp_path: Path) -> Iterator[EmulatedBoard | RealBoard]:
    """The board under test with the built firmware on it and a ramp on A0."""
    if env not in TARGETS:
        yield RealBoard(env)
        return
    with EmulatedBoard.start(
        env,
        state_dir=tmp_path / "board",
        signal=RAMP,
        devices=DEVICES.get(env, ()),
        network=air and air.network(),
    ) as running:
        yield running


@pytest.fixture
def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def registry(tmp_path: Path) -> BoardRegistry:
    """Where the keys of this test's boards are."""
    return BoardRegistry(tmp_path / "home")


@pytest.fixture
def connect(
    env: str, board: EmulatedBoard | RealBoard, air: Air | None, registry: BoardRegistry, tmp_path: Path
) -> Iterator[Callable[[], Host]]:
    """Opens the board's port; what went over it stays in line.log."""
    opened: list[Host] = []

    def open_port() -> Host:
        listen = 0.0 if env == "native" else LISTEN  # no bootloader, no reset
        if air and registry.boards():
            assert isinstance(board, EmulatedBoard)
            assert board.setup.network
            line: SerialPort | MqttLine = air.open(board.setup.network.name)
        else:
            line = SerialPort(board.port)
        opened.append(Host(line, registry, tmp_path / "line.log", listen))
        return opened[-1]

    yield open_port
    for host in opened:
        host.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Say where the raw bytes are when a test has failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    log = item.funcargs.get("tmp_path", Path()) / "line.log" if hasattr(item, "funcargs") else Path()
    if report.failed and log.is_file():
        report.sections.append(("bytes on the line", f"{log}\n" + "\n".join(log.read_text().splitlines()[-40:])))
