"""Authority, gateway and bridge on three machines: what is carried between them as files, and what comes of it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from board_peer import Board, PtyBoard
from command import Run, run
from home_site import founded
from qcot.authority.registration import Asked, register_board
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.bridge.daemon import Bridge
from qcot.broker import Mosquitto
from qcot.certificates.certificate import Role
from qcot.gateway.gateway import Gateway
from qcot.home import Home
from qcot.ledger.reader import Reader
from qcot.ledger.verify import verify
from qcot.services import make_bridge, make_gateway

__all__ = ["run"]
WAIT_S = 60.0


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.fixture
def machines(run: Run, tmp_path: Path) -> Iterator[tuple[Home, Home, Home]]:
    """The homes of an authority, of a gateway and of a bridge, certified by what was carried; a broker runs."""
    authority = founded(tmp_path / "authority")
    (tmp_path / "mosquitto").mkdir()
    with Mosquitto(tmp_path / "mosquitto") as broker:
        homes = {}
        assert run("authority", "window", "--for", "10m", "--home", authority.path)[0] == 0
        for part in ("gateway", "bridge"):
            home = homes[part] = Home(tmp_path / part)
            assert (
                run(
                    "init", "--join", authority.authority_file, "--as", part, "--name", f"{part}-2", "--home", home.path
                )[0]
                == 0
            )
            text = home.settings_file.read_text().replace("port = 1883", f"port = {broker.port}")
            home.settings_file.write_text(text.replace('name = "gateway"', 'name = "gateway-2"'))
            assert run("authority", "issue", home.request_file(part), "--yes", "--home", authority.path)[0] == 0
            assert (
                run("certificate", "install", home.request_file(part).with_suffix(".answer"), "--home", home.path)[0]
                == 0
            )
        yield authority, homes["gateway"], homes["bridge"]


def certified_board(run: Run, authority: Home, home: Home) -> PtyBoard:
    board = PtyBoard(Board())
    asked = register_board(home, enroll(board.path, BoardRegistry(home.path), window=20).board, int(time.time()))
    assert isinstance(asked, Asked)
    assert run("authority", "issue", asked.file, "--yes", "--home", authority.path)[0] == 0
    assert run("certificate", "install", asked.file.with_suffix(".answer"), "--home", home.path)[0] == 0
    board.reset()
    return board


def sample(board: PtyBoard, count: int) -> None:
    with board.lock:
        for _ in range(count):
            board.board.sample(0, 500, board.board.head * 10)


def recorded(home: Home) -> int:
    with Reader.open(home.ledger) as ledger:
        return sum(each.next_seq for each in ledger.devices().values())


def running(gateway: Home, bridge: Home, *boards: PtyBoard) -> tuple[Gateway, Bridge]:
    log = make_gateway(gateway)
    log.start()
    daemon = make_bridge(bridge, ports=tuple(board.path for board in boards))
    daemon.start()
    return log, daemon


@pytest.mark.timeout(180)
def test_three_machines_come_together_by_files_and_a_board_and_a_revocation_need_no_restart(
    run: Run, machines: tuple[Home, Home, Home]
) -> None:
    authority, gateway, bridge = machines
    board = certified_board(run, authority, bridge)
    log, daemon = running(gateway, bridge, board)
    try:
        sample(board, 20)
        until(lambda: recorded(gateway) == 20, "the readings of the board")
        with Reader.open(gateway.ledger) as ledger:
            register = ledger.register()
        assert [each.name for each in register.of_role(Role.BRIDGE)] == ["bridge-2"]
        assert register.board(board.board.device) is not None

        late = certified_board(run, authority, bridge)  # while bridge and gateway run
        until(lambda: _is_certified(gateway, late), "the late board's certificate")

        assert (
            run(
                "authority",
                "revoke",
                board.board.device.hex(),
                "--out",
                authority.path / "gone",
                "--home",
                authority.path,
            )[0]
            == 0
        )
        assert run("certificate", "install", authority.path / "gone", "--home", bridge.path)[0] == 0
        until(lambda: _is_revoked(gateway, board), "the revocation")
        late.__exit__()
    finally:
        daemon.stop()
        log.stop()
        board.__exit__()
    with Reader.open(gateway.ledger) as ledger:
        assert verify(ledger, gateway.trust()).failure is None


def _is_certified(home: Home, board: PtyBoard) -> bool:
    with Reader.open(home.ledger) as ledger:
        return ledger.register().board(board.board.device) is not None


def _is_revoked(home: Home, board: PtyBoard) -> bool:
    with Reader.open(home.ledger) as ledger:
        register = ledger.register()
        found = register.board(board.board.device)
        return found is not None and bool(register.revocations(found.serial))
