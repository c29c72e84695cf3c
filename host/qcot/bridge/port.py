"""One port: the board on it, whether it is served and, where not, why and when to try again."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from qcot.boards.enroll import DAMAGED
from qcot.boards.registry import BoardRegistry, EnrolledBoard
from qcot.bridge import clock
from qcot.bridge.clock import Clocks
from qcot.bridge.config import BridgeConfig
from qcot.bridge.intake import Intake
from qcot.bridge.mqtt_lines import MqttLine, MqttLines, is_line
from qcot.bridge.problems import (
    BAD_CHANNEL,
    COMMAND_REFUSED,
    DUPLICATE,
    HELD_BACK,
    IMAGE_CHANGED,
    SENSOR_FAILED,
    UNENROLLED,
    UNKNOWN_BOARD,
)
from qcot.bridge.signing import PortSigner, SigningDesk
from qcot.bridge.snapshot import BoardView
from qcot.bridge.store import Store
from qcot.crypto.problems import KEY_FILE_MISSING
from qcot.errors import Problem, QcotError
from qcot.link import keys
from qcot.link.chain import FAULT, LOST
from qcot.link.events import (
    Event,
    Resume,
    SawHello,
    SawResult,
    SawStatus,
    SessionOpened,
    TookReadings,
    Trouble,
)
from qcot.link.messages import Code, Hello, Readings, Status
from qcot.link.problems import LINE_AWAY, PORT_MISSING
from qcot.link.session import Session
from qcot.link.transport import SerialPort

BACK_OFF = (0.5, 10.0)
NOT_SERVED_RETRY = 3.0


@dataclass
class Hub:
    """What the ports of one bridge share; ``owners`` is which port serves which device."""

    config: BridgeConfig
    registry: BoardRegistry
    store: Store
    intake: Intake
    require_certified: Callable[[bytes], None]
    commit: Callable[[], bool]
    trouble: Callable[[str, Problem, str], None]
    wall: Callable[[], int]
    closing: Callable[[BoardPort, int], None]
    lines: MqttLines
    desk: SigningDesk
    owners: dict[bytes, BoardPort] = field(default_factory=dict)
    clocks: Clocks = field(default_factory=Clocks)


class _LeaveError(QcotError):
    """This port is not served on for now."""

    def __init__(self, problem: Problem, reason: str, retry: float | None = None) -> None:
        super().__init__(problem, reason)
        self.retry = retry


class BoardPort:
    """Opens, serves and closes one port; all methods take the time in seconds on a clock that never goes back."""

    def __init__(self, path: str, hub: Hub) -> None:
        self.path = path
        self.retry_at = 0.0
        self._hub = hub
        self._serial: SerialPort | MqttLine | None = None
        self._session = Session()
        self._signer = PortSigner(hub.desk, path)
        self._board: EnrolledBoard | None = None
        self._status: Status | None = None
        self._back_off = BACK_OFF[0]
        self._reason = "not opened yet"
        self._readings = 0
        self._lost = 0
        self._last_seen: int | None = None
        self._read_at = 0, 0

    @property
    def fd(self) -> int | None:
        """The file to wait on, None while the port is closed."""
        return self._serial.fd if self._serial else None

    def online(self, now: float) -> bool:
        """Whether the board gave proof of itself within the last 6 s, and the port is still there."""
        return self._serial is not None and self._session.online(now)

    def open(self, now: float) -> bool:
        """Try the port; when that fails it is told as trouble and tried again later."""
        over_mqtt = is_line(self.path)
        # Nothing is reset by opening a line over a network, and no bootloader listens there.
        self._session = Session(listen=0.0 if over_mqtt else self._hub.config.listen_s)
        self._status = None
        try:
            self._serial = self._hub.lines.open(self.path) if over_mqtt else SerialPort(self.path)
            self._reason = "waiting for the board"
        except QcotError as error:
            self._left(error, now)
            return False
        self.tick(now)
        return self._serial is not None

    def readable(self, now: float) -> None:
        """There are bytes, or an end."""
        if self._serial is None:
            return
        try:
            data = self._serial.read()
            self._read_at = clock.look()
            for event in self._session.receive(data, now):
                self._handle(event, now)
        except QcotError as error:
            self._left(error, now)
            return
        self.tick(now)

    def tick(self, now: float) -> None:
        """Send what is due."""
        if self._serial is None:
            return
        events: list[Event] = []
        try:
            self._signer.tick(now)
            self._serial.write(self._session.poll(now, events))
            for event in events:
                self._handle(event, now)
        except QcotError as error:
            self._left(error, now)

    def wake(self, now: float) -> float:
        """When to ``tick`` next."""
        return min(self._session.wake(now), max(self._signer.deadline, now))

    def asked(self, what: str) -> bool:
        """A person wants the board to ``sign`` its chain or to ``generate`` a key; gives whether it can hear that."""
        return self._serial is not None and self._signer.asked(what)

    def recheck(self) -> None:
        """See whether the board's own key is certified by now."""
        self._signer.recheck()

    def acknowledge(self, position: Resume, now: float) -> None:
        """All before ``position`` is on disk."""
        self._session.acknowledge(position.epoch, position.seq)
        self.tick(now)

    def check(self, require: Callable[[bytes], None], now: float) -> bool:
        """End the session of a board that ``require`` refuses; gives whether it did.

        The port stays open, so that the board keeps what it has; what it says next decides whether it is served.
        """
        device = self._session.device
        if self._serial is None or device is None:
            return False
        try:
            require(device)
        except QcotError as error:
            self._session = Session(listen=0.0)
            self._signer.closed()
            self._reason = str(error)
            self._disown()
            self._hub.trouble(self.path, error.problem, error.reason)
            return True
        return False

    def close(self, reason: str) -> None:
        """Give the port back."""
        if self._serial:
            self._hub.closing(self, self._serial.fd)
            self._serial.close()
            self._serial = None
            self._signer.closed()
        self._reason = reason
        self._disown()

    def _disown(self) -> None:
        if self._board and self._hub.owners.get(self._board.device) is self:
            del self._hub.owners[self._board.device]

    def view(self, now: float) -> BoardView:
        """What is known of the board here."""
        board, status, session = self._board, self._status, self._session
        online = self.online(now)
        return BoardView(
            port=self.path,
            device=board.device.hex() if board else None,
            model=board.model if board else None,
            online=online,
            reason="" if online else self._reason,
            last_seen=self._last_seen,
            epoch=session.epoch,
            readings=self._readings,
            stored=session.stored,
            base=status.base if status else None,
            head=status.head if status else None,
            lost=self._lost,
            counters=session.counters,
            board_noise=status.noise if status else 0,
            board_forged=status.forged if status else 0,
            board_replayed=status.replayed if status else 0,
            free_ram=status.free_ram if status else None,
            signer=self._signer.view,
        )

    def _left(self, error: QcotError, now: float) -> None:
        """Close, say why, and come back later: sooner if it may be a cable, later if a person has to act."""
        retry = error.retry if isinstance(error, _LeaveError) else None
        if error.problem in (PORT_MISSING, LINE_AWAY):
            retry = BACK_OFF[0]  # looking whether it is there costs nothing and resets nobody
        if retry is None:
            retry = self._back_off
            self._back_off = min(self._back_off * 2, BACK_OFF[1])
        self.close(str(error))
        self.retry_at = now + retry
        self._hub.trouble(self.path, error.problem, error.reason)

    def _handle(self, event: Event, now: float) -> None:
        match event:
            case TookReadings(readings=readings, raw=raw, position=position):
                self._took(readings, raw, position)
            case _ if self._signer.take(event, now):
                pass
            case SawStatus(status=status):
                self._status = status
                self._told_time(status.time)
                self._seen()
            case SessionOpened():
                self._opened(event, now)
            case SawHello(hello=hello):
                self._hello(hello, now)
            case SawResult(authenticated=True, code=code, channel=channel) if code is not Code.OK:
                what = "an acknowledgement" if channel is None else f"the rate of channel {channel}"
                self._hub.trouble(self.path, COMMAND_REFUSED, f"{what}: {code.label}")
            case Trouble(fatal=True):
                raise _LeaveError(event.problem, event.reason)
            case Trouble():
                self._hub.trouble(self.path, event.problem, event.reason)
            case _:
                pass

    def _hello(self, hello: Hello, now: float) -> None:
        try:
            device_key = self._known(hello, now)
        except _LeaveError as error:
            if not self._session.online(now):
                if error.problem not in HELD_BACK:
                    raise
                self._reason = str(error)
            # Anybody can say HELLO; the board that proved itself is heard until it falls silent.
            self._hub.trouble(self.path, error.problem, error.reason)
            return
        # What is not on disk must not be told to a board as if it were; and it says HELLO again.
        if self._hub.commit():
            resume = self._hub.store.resume(hello.device)
            self._session.open(hello, device_key, resume, secrets.token_bytes(keys.NONCE_SIZE))

    def _known(self, hello: Hello, now: float) -> bytes:
        """The key of a board that is to be served, which is announced to the gateway."""
        name = f"{hello.model} {hello.device.hex()}"
        if hello.damaged:
            raise _LeaveError(DAMAGED, f"{hello.model} says so", NOT_SERVED_RETRY)
        if not hello.enrolled:
            raise _LeaveError(UNENROLLED, f"{hello.model} has no identity", NOT_SERVED_RETRY)
        try:
            board = self._hub.registry.board(hello.device)
            device_key = self._hub.registry.key(hello.device)
        except QcotError as error:
            if error.problem.name == KEY_FILE_MISSING.name:
                raise _LeaveError(UNKNOWN_BOARD, f"{name} was not enrolled here", NOT_SERVED_RETRY) from error
            raise _LeaveError(error.problem, error.reason, NOT_SERVED_RETRY) from error
        if board is None:
            raise _LeaveError(UNKNOWN_BOARD, f"the enrolment of {name} did not end", NOT_SERVED_RETRY)
        try:
            self._hub.require_certified(hello.device)
        except QcotError as error:
            raise _LeaveError(error.problem, error.reason, NOT_SERVED_RETRY) from error
        self._refuse_twin(hello.device, now)
        self._hub.intake.announce(board, keys.commitment(hello.device, device_key))
        return device_key

    def _refuse_twin(self, device: bytes, now: float) -> None:
        owner = self._hub.owners.get(device)
        if owner is not None and owner is not self and owner.online(now):
            raise _LeaveError(DUPLICATE, f"{device.hex()} is served on {owner.path}", NOT_SERVED_RETRY)

    def _opened(self, event: SessionOpened, now: float) -> None:
        hub, opened = self._hub, event.opened
        board = hub.registry.board(opened.device)
        assert board is not None
        self._refuse_twin(opened.device, now)
        owner = hub.owners.get(opened.device)
        if owner is not None and owner is not self:
            owner.close(f"the board moved to {self.path}")
            owner.retry_at = now + NOT_SERVED_RETRY
        if self._board and self._board.device != opened.device:
            self._disown()
        self._board = board
        hub.owners[opened.device] = self
        hub.lines.proved(self.path, opened.device)
        self._back_off = BACK_OFF[0]
        self._reason = "silent"
        self._seen()
        self._told_time(opened.time)
        hub.intake.take(opened.device, event.raw, 0, event.position)
        if opened.image != board.image:
            hub.trouble(self.path, IMAGE_CHANGED, f"{opened.device.hex()} runs {opened.image.hex()}")
        self.set_rates()
        self._signer.opened(self._session, event)

    def set_rates(self) -> None:
        """Ask the board for the rates that are wished for it, if it is served."""
        board = self._board
        if board is None or self._serial is None:
            return
        index = {channel.name: at for at, channel in enumerate(board.channels)}
        for name, hertz in self._hub.config.rates_of(board.device).items():
            if name in index:
                self._session.configure(index[name], round(hertz * 1000))
            else:
                reason = f"{board.model} {board.device.hex()} has {', '.join(index)} and no {name}"
                self._hub.trouble(self.path, BAD_CHANNEL, reason)

    def _took(self, readings: Readings, raw: bytes, position: Resume) -> None:
        assert self._board is not None
        self._readings += readings.count
        self._signer.took(readings.count)
        if LOST in readings.records[4::9]:
            self._lost += sum(each.value for each in readings.readings() if each.is_loss)
        if FAULT in readings.records[4::9]:
            self._tell_faults(readings)
        self._told_time(clock.sent_ms(readings.records))
        device, clocks = self._board.device, self._hub.clocks
        said = clocks.of_frame(device, position.epoch, readings.records, self._hub.wall())
        self._hub.intake.take(device, raw, readings.count, position, said)
        self._seen()

    def _tell_faults(self, readings: Readings) -> None:
        """Of each channel, the last measurement that failed."""
        assert self._board is not None
        names = dict(enumerate(each.name for each in self._board.channels))
        for failed in {each.failed_channel: each for each in readings.readings() if each.is_fault}.values():
            why = "unknown" if failed.fault is None else failed.fault.name.lower()
            channel = names.get(failed.failed_channel, f"channel {failed.failed_channel}")
            self._hub.trouble(f"{self.path} {channel}", SENSOR_FAILED, f"{self._board.device.hex()}: {why}")

    def _told_time(self, board_ms: int) -> None:
        device, epoch = self._session.device, self._session.epoch
        if device is None or epoch is None:
            return
        least = clock.LEAST_OVER_MQTT_US if is_line(self.path) else clock.LEAST_US
        problem = self._hub.clocks.observe(device, epoch, board_ms, self._read_at, least)
        if problem is not None:
            self._hub.trouble(self.path, problem, f"the times of {device.hex()} are fitted anew")

    def _seen(self) -> None:
        self._last_seen = self._hub.wall()
