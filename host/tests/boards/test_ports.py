"""Ports by stable names."""

import os
from pathlib import Path

import pytest
from qcot.boards.build import TARGETS
from qcot.boards.errors import NO_PROJECT, WRONG_BOARD, BoardError
from qcot.boards.flash import upload
from qcot.boards.ports import KINDS, kind_on, resolve, serial_ports, stable_names
from qcot.link.problems import PORT_MISSING
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo
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


def test_every_kind_that_a_usb_interface_tells_can_be_flashed() -> None:
    assert set(KINDS.values()) <= {name for name, target in TARGETS.items() if target.mcu}


@pytest.mark.parametrize(
    ("vendor", "product", "kind"),
    [(0x2341, 0x0043, "uno"), (0x2341, 0x0042, "megaatmega2560"), (0x2341, 0x8036, "leonardo"), (0x1A86, 0x7523, None)],
)
def test_the_kind_of_a_board_is_what_the_usb_interface_of_its_own_port_tells(
    start: StartBoard, monkeypatch: pytest.MonkeyPatch, vendor: int, product: int, kind: str | None
) -> None:
    """No USB device is here: what the system would list stands in for it, the port is a simulated board's."""
    board, other = start(), ListPortInfo("/dev/null")
    listed = ListPortInfo(str(Path(board.port).resolve()))
    for port, ids in ((other, (0x2341, 0x0010)), (listed, (vendor, product))):
        port.hwid, (port.vid, port.pid) = "USB", ids
    monkeypatch.setattr(list_ports, "comports", lambda: [other, listed])
    assert kind_on(board.port) == kind


@pytest.mark.parametrize(("env", "refused"), [("megaatmega2560", True), ("leonardo", True), ("uno_fram", False)])
def test_firmware_for_another_chip_than_the_usb_interface_tells_is_refused_before_it_is_built(
    monkeypatch: pytest.MonkeyPatch, env: str, refused: bool
) -> None:
    line, port = os.openpty()
    listed = ListPortInfo(os.ttyname(port))
    listed.hwid, listed.vid, listed.pid = "USB", 0x2341, 0x0043  # an Uno's
    monkeypatch.setattr(list_ports, "comports", lambda: [listed])

    def build(*_: object) -> None:
        raise BoardError(NO_PROJECT, "it would be built now")

    monkeypatch.setattr("qcot.boards.flash.build", build)
    with pytest.raises(BoardError) as caught:
        upload(env, os.ttyname(port))
    os.close(line)
    os.close(port)
    assert caught.value.problem is (WRONG_BOARD if refused else NO_PROJECT)
