"""Serial ports, by names that stay the same when boards are plugged in another order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from qcot.boards.errors import CABLE_ONLY, BoardError
from qcot.link.problems import PORT_MISSING

BY_ID = Path("/dev/serial/by-id")

KINDS = {
    (0x2341, 0x0001): "uno",
    (0x2341, 0x0043): "uno",
    (0x2341, 0x0243): "uno",
    (0x2A03, 0x0043): "uno",
    (0x2341, 0x0010): "megaatmega2560",
    (0x2341, 0x0042): "megaatmega2560",
    (0x2341, 0x0242): "megaatmega2560",
    (0x2A03, 0x0010): "megaatmega2560",
    (0x2A03, 0x0042): "megaatmega2560",
    (0x2341, 0x0036): "leonardo",
    (0x2341, 0x8036): "leonardo",
    (0x2A03, 0x0036): "leonardo",
    (0x2A03, 0x8036): "leonardo",
}
"""Kind of board by what its maker wrote into its USB interface: vendor and product. A Nano and most clones have another
maker's serial chip, which says nothing of the board behind it."""


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port: ``name`` is stable where the system has such a name, ``device`` is what it is called today.

    ``kind`` is the environment of platformio.ini for the board on it, where its USB interface tells; else None.
    """

    name: str
    device: str
    description: str
    kind: str | None = None


def stable_names(folder: Path = BY_ID) -> dict[Path, Path]:
    """Device of each stable name in ``folder``."""
    if not folder.is_dir():
        return {}
    return {link.resolve(): link for link in sorted(folder.iterdir())}


def serial_ports(folder: Path = BY_ID) -> list[Port]:
    """Every port that has something on it, in the order of their names."""
    names = stable_names(folder)
    found = [
        Port(
            str(names.get(Path(port.device).resolve(), port.device)),
            port.device,
            port.description,
            KINDS.get((port.vid, port.pid)),
        )
        for port in list_ports.comports()
        if port.hwid != "n/a"
    ]
    return sorted(found, key=lambda port: port.name)


def resolve(name: str, folder: Path = BY_ID) -> str:
    """The path to open for ``name``: a path, or the last part of a stable name or of a device."""
    if name.startswith("mqtt:"):
        raise BoardError(CABLE_ONLY, f"{name} is a line over the broker")
    candidates = [Path(name), folder / name, Path("/dev") / name]
    for candidate in candidates:
        if candidate.exists() and not candidate.is_dir():
            return str(candidate)
    known = ", ".join(port.name for port in serial_ports(folder)) or "none"
    raise BoardError(PORT_MISSING, f"no port {name!r}; there are: {known}")


def kind_on(path: str, folder: Path = BY_ID) -> str | None:
    """The kind of the board on the port at ``path``, where its USB interface tells."""
    device = Path(path).resolve()
    return next((port.kind for port in serial_ports(folder) if Path(port.device).resolve() == device), None)
