"""Whole homes for tests: founded once in a process, since the root signs slowly, and copied from then on."""

import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

from qcot.authority.registration import found, register_board
from qcot.boards.registry import BoardRegistry, ChannelInfo, EnrolledBoard, Proof
from qcot.crypto import keyfile
from qcot.home import Home
from qcot.ledger.transactions import StatementEntry
from qcot.link import keys
from qcot.link.frames import seal
from qcot.link.messages import Enrolled
from qcot.settings import Settings, as_toml

IMAGE = bytes(range(32))


@cache
def _pattern() -> tuple[tempfile.TemporaryDirectory, Home]:
    folder = tempfile.TemporaryDirectory(prefix="qcot-home-")
    return folder, found(Path(folder.name) / "home", Settings(), int(time.time()))


def founded(path: Path, settings: Settings | None = None) -> Home:
    """A home as `qcot init` makes it, with ``settings`` of the site "home" and the default names."""
    _, pattern = _pattern()
    shutil.copytree(pattern.path, path)
    home = Home(path)
    home.settings_file.write_text(as_toml(settings or Settings()))
    return home


def enrolled(home: Home, device: bytes | None = None, key: bytes | None = None, image: bytes = IMAGE) -> EnrolledBoard:
    """A board that was enrolled in ``home``, as `qcot enroll` leaves it behind before it asks for a certificate."""
    registry = BoardRegistry(home.path)
    if device is None or key is None:
        device, key = registry.draw()
    else:
        keyfile.create(registry.key_path(device), key)
    challenge = bytes(16)
    answer = Enrolled(device, challenge, image).encode()
    registry.keep_proof(device, Proof(challenge, seal(Enrolled.TYPE, answer, 1, keys.enrolment_key(key, challenge))))
    board = EnrolledBoard(device, "uno", (1, 0, 0), image, (ChannelInfo("A0", "V", 5, 1023, 0),))
    registry.record(board)
    return board


def introduction(home: Home, *boards: tuple[bytes, bytes]) -> list[StatementEntry]:
    """What the bridge of ``home`` says first: its chain, and of boards with these ids and keys the certificates."""
    for device, key in boards:
        register_board(home, enrolled(home, device, key), int(time.time()))
    parts = ["bridge", *(f"boards/{device.hex()}" for device, _ in boards)]
    return [StatementEntry(raw) for raw in home.chain(*parts)]
