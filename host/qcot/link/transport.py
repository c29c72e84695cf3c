"""A serial port without waiting: a USB adapter, or the pty of a simulated board."""

from __future__ import annotations

import contextlib
import errno
import os
import termios

import serial

from qcot.errors import Problem
from qcot.link.problems import NOT_A_PORT, PORT_BUSY, PORT_DENIED, PORT_LOST, PORT_MISSING, LinkError

BAUD = 500_000
_CHUNK = 65_536
_PROBLEMS: dict[int | None, Problem] = {
    **dict.fromkeys((errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO), PORT_MISSING),
    **dict.fromkeys((errno.EACCES, errno.EPERM), PORT_DENIED),
    **dict.fromkeys((errno.EAGAIN, errno.EBUSY), PORT_BUSY),
}


class SerialPort:
    """An open port, locked against other programs that lock (flock). Opening it resets most boards."""

    def __init__(self, path: str, baud: int = BAUD) -> None:
        try:
            self._serial = serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, ValueError) as error:
            code = getattr(error, "errno", None)
            reason = os.strerror(code) if code else str(error)  # pyserial says it twice
            raise LinkError(_PROBLEMS.get(code, NOT_A_PORT), f"{path}: {reason}") from error
        self.path = path
        self.fd: int = self._serial.fileno()
        os.set_blocking(self.fd, False)
        # With VMIN 0, as pyserial leaves it, an empty line and one that hung up look the same to read(2).
        modes = termios.tcgetattr(self.fd)
        modes[6][termios.VMIN] = 1
        termios.tcsetattr(self.fd, termios.TCSANOW, modes)
        self._out = b""

    def read(self) -> bytes:
        """What has come in, perhaps nothing; raises LinkError `port-lost` once the port is gone."""
        try:
            data = os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkError(PORT_LOST, f"{self.path}: {error.strerror}") from error
        if not data:
            raise LinkError(PORT_LOST, f"{self.path} hung up")
        return data

    def write(self, data: bytes) -> None:
        """Send ``data`` after what is still waiting; what the port does not take now waits for the next call.

        More than a few frames waiting means that nobody reads: then the oldest are let go, since the protocol
        repeats what matters. Raises LinkError `port-lost`.
        """
        self._out = (self._out + data)[-4 * 256 :]
        if not self._out:
            return
        try:
            self._out = self._out[os.write(self.fd, self._out) :]
        except BlockingIOError:
            pass
        except OSError as error:
            raise LinkError(PORT_LOST, f"{self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Give the port back; never raises."""
        with contextlib.suppress(OSError, serial.SerialException):
            self._serial.close()
