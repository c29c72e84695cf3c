"""Authority, gateway and bridge on three machines: what is carried between them as files, and what comes of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from board_peer import Board, PtyBoard
from command import Run, run
from home_site import founded
from patience import until
from qcot.authority.registration import Asked, register_board
from qcot.boards.enroll import enroll
from qcot.boards.registry import BoardRegistry
from qcot.broker import Mosquitto
from qcot.certificates.certificate import Role
from qcot.certificates.register import Register
from qcot.home import Home
from qcot.ledger.reader import Reader
from qcot.ledger.verify import verify
from qcot.services import make_bridge, make_gateway

__all__ = ["run"]


class Hand:
    """The operators of the three machines, who carry files between them."""

    def __init__(self, run: Run, authority: Home) -> None:
        self._run, self._authority = run, authority

    def types(self, home: Home, *words: str | Path) -> None:
        status, _, err = self._run(*words, "--home", home.path)
        assert status == 0, err

    def carries(self, home: Home, asked: Path, *options: str) -> None:
        """A request to the authority, and its answer back."""
        self.types(self._authority, "authority", "issue", asked, "--yes", *options)
        self.types(home, "certificate", "install", asked.with_suffix(".answer"))

    def rotates(self, home: Home, part: str) -> None:
        """Asks for the new key's certificate, and goes on with the answer."""
        self.types(home, "certificate", "rotate", part)
        self.carries(home, home.request_file(f"{part}.next"), "--replace")
        self.types(home, "certificate", "rotate", part)

    def enrols(self, home: Home) -> PtyBoard:
        board = PtyBoard(Board())
        asked = register_board(home, enroll(board.path, BoardRegistry(home.path), window=20).board, int(time.time()))
        assert isinstance(asked, Asked)
        self.carries(home, asked.file)
        board.reset()
        return board


@pytest.fixture
def machines(run: Run, tmp_path: Path) -> Iterator[tuple[Hand, Home, Home, Home]]:
    """The homes of an authority, of a gateway and of a bridge, certified by what was carried; a broker runs."""
    authority = founded(tmp_path / "authority")
    hand = Hand(run, authority)
    (tmp_path / "mosquitto").mkdir()
    with Mosquitto(tmp_path / "mosquitto") as broker:
        homes = {}
        hand.types(authority, "authority", "window", "--for", "10m")
        for part in ("gateway", "bridge"):
            home = homes[part] = Home(tmp_path / part)
            hand.types(home, "init", "--join", authority.authority_file, "--as", part, "--name", f"{part}-2")
            text = home.settings_file.read_text().replace("port = 1883", f"port = {broker.port}")
            home.settings_file.write_text(text.replace('name = "gateway"', 'name = "gateway-2"'))
            hand.carries(home, home.request_file(part))
        yield hand, authority, homes["gateway"], homes["bridge"]


def sample(board: PtyBoard, count: int) -> None:
    with board.lock:
        for _ in range(count):
            board.board.sample(0, 500, board.board.head * 10)


def recorded(home: Home) -> int:
    with Reader.open(home.ledger) as ledger:
        return sum(each.next_seq for each in ledger.devices().values())


@contextmanager
def running(gateway: Home, bridge: Home, *boards: PtyBoard) -> Iterator[None]:
    log, daemon = make_gateway(gateway), make_bridge(bridge, ports=tuple(board.path for board in boards))
    log.start()
    try:
        daemon.start()
        try:
            yield
        finally:
            daemon.stop()
    finally:
        log.stop()


def test_machines_come_together_by_files_and_neither_boards_nor_revocations_nor_new_keys_break_the_ledger(
    machines: tuple[Hand, Home, Home, Home],
) -> None:
    hand, authority, gateway, bridge = machines
    boards = [hand.enrols(bridge)]
    with running(gateway, bridge, boards[0]):
        sample(boards[0], 20)
        until(lambda: recorded(gateway) == 20, "the readings of the board")
        assert [each.name for each in register_of(gateway).of_role(Role.BRIDGE)] == ["bridge-2"]

        boards.append(hand.enrols(bridge))  # while bridge and gateway run
        until(lambda: register_of(gateway).board(boards[1].board.device), "the late board's certificate")

        hand.types(authority, "authority", "revoke", boards[1].board.device.hex(), "--out", authority.path / "gone")
        hand.types(bridge, "certificate", "install", authority.path / "gone")
        until(lambda: is_revoked(register_of(gateway), boards[1]), "the revocation")

        old = bridge.bridge_key().public_key
        hand.rotates(bridge, "bridge")
        until(lambda: bridge.bridge_key().public_key != old, "the new key's turn")
        sample(boards[0], 20)
        until(lambda: recorded(gateway) == 40, "readings under the bridge's new key")

    hand.rotates(gateway, "gateway")
    hand.types(bridge, "certificate", "install", gateway.certificate_file("gateway"))
    with running(gateway, bridge, boards[0]):
        sample(boards[0], 20)
        until(lambda: recorded(gateway) == 60, "readings under the gateway's new key")
    for board in boards:
        board.__exit__()
    with Reader.open(gateway.ledger) as ledger:
        result = verify(ledger, gateway.trust())
    assert result.failure is None
    assert result.counts.readings == 60


def register_of(home: Home) -> Register:
    with Reader.open(home.ledger) as ledger:
        return ledger.register()


def is_revoked(register: Register, board: PtyBoard) -> bool:
    found = register.board(board.board.device)
    return found is not None and bool(register.revocations(found.serial))
