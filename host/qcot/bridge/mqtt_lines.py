"""Boards whose line is the broker: each looks to its port like a cable (docs/link-protocol.md, Over MQTT).

A line is a pair of sockets that keeps messages apart: the broker's thread puts in what comes, the port reads it. What
does not fit is let go, as a serial line would, since the link repeats what matters; so nothing here grows.
"""

from __future__ import annotations

import contextlib
import glob
import resource
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from qcot.bridge.problems import LINE_REFUSED
from qcot.errors import Problem, QcotError
from qcot.link.problems import LINE_AWAY, PORT_BUSY, LinkError
from qcot.mqtt import Ack, MqttLink, all_boards, board_topic

SCHEME = "mqtt:"
MAX_BOARDS = 1024
FILES = 4 * MAX_BOARDS
"""Open files that a bridge may have: two for each line, and as many again for all else."""
MAX_MESSAGE = 512
"""Bytes; a frame with its delimiter is at most 256."""
ROOM = 64 * 1024
"""Bytes that wait for a port at most."""
MAX_QUEUED = 500
"""Messages that the broker has not taken: above that boards wait, and transactions go first."""
_HERE, _AWAY = b"1", b"0"


def is_line(path: str) -> bool:
    """Whether ``path`` names a board on the broker and not a serial port."""
    return path.startswith(SCHEME)


class MqttLine:
    """One open line, with the methods of a SerialPort."""

    def __init__(
        self, path: str, end: socket.socket, send: Callable[[bytes], None], closed: Callable[[], None]
    ) -> None:
        self.path = path
        self.fd = end.fileno()
        self._end = end
        self._send = send
        self._closed = closed

    def read(self) -> bytes:
        """What has come in, a delimiter on either side of each message; raises LinkError `line-away` at its end."""
        came = bytearray()
        with contextlib.suppress(BlockingIOError):
            while len(came) < ROOM:
                message = self._end.recv(MAX_MESSAGE)
                if not message:
                    if came:
                        break  # it is told next time
                    raise LinkError(LINE_AWAY, f"{self.path}: the board or the broker went away")
                came += b"\0" + message + b"\0"
        return bytes(came)

    def write(self, data: bytes) -> None:
        """Send each frame in ``data`` as a message of its own."""
        for frame in data.split(b"\0"):
            if frame:
                self._send(frame + b"\0")

    def close(self) -> None:
        """Give the line back; never raises."""
        self._closed()
        self._end.close()


@dataclass
class _Board:
    present: bool = False
    inlet: socket.socket | None = None
    """The broker's end of the line, while it is open."""
    device: bytes | None = None
    """Who proved itself on this line last."""


class MqttLines:
    """All boards on the broker that ``patterns`` name (``mqtt:NAME``, ``mqtt:*``), which are subscribed to at once.

    Anybody who may publish there can make up names. Where there are too many, the one that was silent for longest gives
    way to a new one, but never one that ``patterns`` say in full or on which a board has proved itself.

    ``trouble`` may be called from the link's thread.
    """

    def __init__(
        self,
        link: MqttLink,
        site: str,
        bridge: str,
        patterns: tuple[str, ...],
        trouble: Callable[[str, Problem, str], None],
    ) -> None:
        self._link = link
        self._names = (site, bridge)
        self._patterns = tuple(each.removeprefix(SCHEME) for each in patterns if is_line(each))
        self._trouble = trouble
        self._named = {each for each in self._patterns if not glob.has_magic(each)}
        self._boards: dict[str, _Board] = {}  # who was heard last comes last
        self._lock = threading.Lock()
        if self._patterns:
            link.subscribe(all_boards(site, bridge, "up"), self._up)
            link.subscribe(all_boards(site, bridge, "state"), self._state)
            link.on_disconnect = lambda _reason: self._broker_away()
            _allow_files()

    def present(self) -> list[str]:
        """Paths of the boards that are on the broker now."""
        with self._lock:
            return sorted(SCHEME + name for name, board in self._boards.items() if board.present)

    def holds(self, path: str) -> bool:
        """Whether there is such a name still, on the broker or not."""
        name = path.removeprefix(SCHEME)
        with self._lock:
            return name in self._boards or name in self._named

    def proved(self, path: str, device: bytes) -> None:
        """The board ``device`` has proved itself on this line, and on no other any more."""
        with self._lock:
            for name, board in self._boards.items():
                if SCHEME + name == path:
                    board.device = device
                elif board.device == device:
                    board.device = None

    def open(self, path: str) -> MqttLine:
        """Open a line; raises LinkError `line-away` or `port-busy`."""
        name = path.removeprefix(SCHEME)
        topic = board_topic(*self._names, name, "down")
        with self._lock:
            board = self._boards.get(name)
            if board is None or not board.present:
                raise LinkError(LINE_AWAY, f"{path}: no board of that name is on the broker")
            if board.inlet is not None:
                raise LinkError(PORT_BUSY, f"{path} is open")
            # Keeps messages apart, and has an end.
            try:
                outlet, inlet = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            except OSError as error:
                raise LinkError(LINE_AWAY, f"{path}: no line can be opened: {error.strerror}") from error
            for end in (outlet, inlet):
                end.setblocking(False)
            inlet.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
            board.inlet = inlet

        def send(frame: bytes) -> None:
            if self._link.connected and self._link.queued < MAX_QUEUED:
                with contextlib.suppress(QcotError):
                    self._link.publish(topic, frame)

        return MqttLine(path, outlet, send, lambda: self._hang_up(board))

    def _hang_up(self, board: _Board) -> None:
        with self._lock:
            if board.inlet is not None:
                board.inlet.close()
                board.inlet = None

    def _broker_away(self) -> None:
        with self._lock:
            for board in self._boards.values():
                self._set(board, present=False)

    @staticmethod
    def _set(board: _Board, *, present: bool) -> None:
        board.present = present
        if not present and board.inlet is not None:
            board.inlet.close()
            board.inlet = None

    def _up(self, topic: str, payload: bytes, ack: Ack) -> None:
        ack()
        board = self._board(topic)
        if board is None:
            return
        if not 0 < len(payload) <= MAX_MESSAGE:
            self._refuse(topic, f"a message of {len(payload)} bytes")
            return
        with self._lock:
            board.present = True
            if board.inlet is not None:
                with contextlib.suppress(OSError):  # no room
                    board.inlet.send(payload)

    def _state(self, topic: str, payload: bytes, ack: Ack) -> None:
        ack()
        board = self._board(topic)
        if board is None:
            return
        if payload not in (_HERE, _AWAY):
            self._refuse(topic, f"a state of {len(payload)} bytes that is neither 0 nor 1")
            return
        with self._lock:
            self._set(board, present=payload == _HERE)

    def _board(self, topic: str) -> _Board | None:
        """The board of a topic, None if it is not to be served."""
        name = topic.split("/")[-2]
        try:
            board_topic(*self._names, name, "up")
        except QcotError as error:
            self._refuse(topic, error.reason)
            return None
        if not any(fnmatchcase(name, pattern) for pattern in self._patterns):
            return None
        with self._lock:
            left = self._make_room() if name not in self._boards and len(self._boards) >= MAX_BOARDS else None
            found = self._boards.pop(name, None)
            if found is None and len(self._boards) < MAX_BOARDS:
                found = _Board()
            if found is not None:
                self._boards[name] = found
        if found is None:
            self._refuse(topic, f"there are {MAX_BOARDS} boards already")
        elif left is not None:
            self._trouble(
                SCHEME + "*", LINE_REFUSED, f"{MAX_BOARDS} names, {left} gave way: no board proved itself there"
            )
        return found

    def _make_room(self) -> str | None:
        """Let go of the name that was silent for longest, of those that are no known board's."""
        strangers = (name for name, board in self._boards.items() if board.device is None and name not in self._named)
        name = next(strangers, None)
        if name is not None:
            self._set(self._boards.pop(name), present=False)
        return name

    def _refuse(self, topic: str, reason: str) -> None:
        self._trouble(SCHEME + topic.split("/")[-2][:64], LINE_REFUSED, reason)


def _allow_files() -> None:
    """Most systems begin with 1,024 open files, which made-up names alone could use up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def candidates(patterns: tuple[str, ...], lines: MqttLines) -> list[str]:
    """The paths that may be opened now: of serial ports, and of boards on the broker."""
    found: list[str] = []
    for pattern in patterns:
        if is_line(pattern):
            continue
        found += sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
    found += [each for each in patterns if is_line(each) and not glob.has_magic(each)]
    found += lines.present()
    return list(dict.fromkeys(found))
