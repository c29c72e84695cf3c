"""Ports by stable names."""

from pathlib import Path

import pytest
from qcot.boards.errors import BoardError
from qcot.boards.ports import resolve, serial_ports, stable_names
from qcot.link.problems import PORT_MISSING
from sketch_board import StartBoard


def test_a_stable_name_leads_to_the_port_it_links_to(start: StartBoard, tmp_path: Path) -> None:
    board = start()
    folder = tmp_path / "by-id"
    folder.mkdir()
    link = folder / "usb-Arduino_Uno_1234-if00"
    link.symlink_to(Path(board.port).resolve())
    assert resolve(link.name, folder) == str(link)
    assert resolve(board.port, folder) == board.port
    assert stable_names(folder) == {Path(board.port).resolve(): link}


def test_a_name_that_leads_nowhere_is_refused_with_what_there_is(tmp_path: Path) -> None:
    for name in ("usb-Nothing", str(tmp_path / "tty"), str(tmp_path)):
        with pytest.raises(BoardError) as caught:
            resolve(name, tmp_path / "by-id")
        assert caught.value.problem is PORT_MISSING
        assert "there are:" in caught.value.reason


def test_every_listed_port_can_be_resolved() -> None:
    assert all(resolve(port.name) for port in serial_ports())
