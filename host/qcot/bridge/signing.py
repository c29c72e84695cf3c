"""Boards' own signatures in a bridge: when they are wished for, and where they go.

A key that was begun is finished in the background, while readings go on. What it signs first is the proof that the
board has it, which the certificate wants; from then on it signs the chain every so many readings, and when it is asked
to by HOME/bridge/signer/DEVICE.sign. Each goes into the outbox before anything else is done with it.

A proof costs a leaf, so none is asked for that could not be kept: there has to be room for it first, and one that could
not be written all the same is tried again, not asked for again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from qcot.boards.nodes import NODES_IO, NodeStore, SignerState, forget_others
from qcot.boards.registry import BoardRegistry
from qcot.bridge.making import KeyReady, Outcome, Progress, Signed, Told
from qcot.bridge.problems import SIGNER_UNCERTIFIED
from qcot.bridge.signer import OURS, REST_S, SINCE, SignerDriver
from qcot.bridge.snapshot import SignerView
from qcot.errors import Problem, QcotError
from qcot.ledger.transactions import CheckpointEntry
from qcot.link.events import Event, SawResult, SessionOpened, SignerEvent, Trouble
from qcot.link.session import Session
from qcot.link.signer import Phase

SAY_EVERY = 64
"""Leaves between two lines of a key's progress in the log."""
_REQUEST = re.compile(r"[0-9a-f]{16}\.(sign|generate)")
_log = logging.getLogger(__name__)


def folder(home: Path) -> Path:
    """Where requests to a running bridge wait, as DEVICE.sign and DEVICE.generate."""
    return home / "bridge" / "signer"


def request(home: Path, device: bytes, what: str) -> None:
    """Have the bridge of this home ask the board to ``sign``, or to ``generate`` a key, when it serves it."""
    place = folder(home)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / f"{device.hex()}.{what}").touch()


class Asked(Protocol):
    """A port, as far as requests go."""

    def asked(self, what: str) -> bool:
        """As :meth:`PortSigner.asked`."""

    def recheck(self) -> None:
        """As :meth:`PortSigner.recheck`."""


P = TypeVar("P", bound=Asked)


class SigningDesk:
    """What the signers of all ports share. ``certified`` is the LMS key in a board's certificate that holds now.

    ``queue`` puts a checkpoint into the outbox, on disk when it returns.
    """

    def __init__(
        self,
        home: Path,
        every: int,
        certified: Callable[[bytes], bytes | None],
        queue: Callable[[CheckpointEntry], None],
        trouble: Callable[[str, Problem, str], None],
    ) -> None:
        self.home = home
        self.registry = BoardRegistry(home)
        self.every = every
        self.certified = certified
        self.queue = queue
        self.trouble = trouble
        self.unkept: dict[bytes, SignerState] = {}
        """By board, a proof that could not be written."""

    def look(self, owners: Mapping[bytes, P]) -> Iterator[P]:
        """Hand requests to the ports that serve their boards; gives those that have something to do now."""
        for each in owners.values():
            each.recheck()
        place = folder(self.home)
        try:
            for file in sorted(place.iterdir()) if place.is_dir() else ():
                port = owners.get(bytes.fromhex(file.stem)) if _REQUEST.fullmatch(file.name) else None
                if port is not None:
                    file.unlink()  # before it is heard: what cannot be taken away would use up a leaf each time
                    if port.asked(file.suffix[1:]):
                        yield port
                    else:
                        file.touch()
        except OSError as error:
            self.trouble("signer", NODES_IO, f"{place}: {error.strerror}")


class PortSigner:
    """The signer of the board on one port. Feed it every event; it takes those that are its own."""

    def __init__(self, desk: SigningDesk, where: str) -> None:
        self._desk = desk
        self._where = where
        self._device = b""
        self._driver: SignerDriver | None = None
        self._state: SignerState | None = None
        self._since = 0
        self._certified = False
        self._again_at = float("inf")

    @property
    def view(self) -> SignerView | None:
        """How the board's key stands, once it has said so."""
        state = self._state
        if state is None:
            return None
        return SignerView(state.phase.name.lower(), state.done, state.total, self._certified)

    @property
    def deadline(self) -> float:
        """When to ``tick``."""
        return min(self._driver.deadline, self._again_at) if self._driver else float("inf")

    def opened(self, session: Session, event: SessionOpened) -> None:
        """A session stands: ask how the board's key does."""
        opened = event.opened
        if opened.device != self._device:
            self._device, self._since = opened.device, 0
        self._driver = self._state = None
        self._certified, self._again_at = False, float("inf")
        if opened.firmware >= SINCE:
            nodes = self._desk.registry.nodes
            self._driver = SignerDriver(opened.device, session, lambda name: NodeStore(nodes, name))
            self._driver.start()

    def closed(self) -> None:
        """The session has ended."""
        self._driver = None

    def took(self, readings: int) -> None:
        """So many readings more are on the chain."""
        self._since += readings
        if self._desk.every and self._since >= self._desk.every and self._driver and self._driver.public:
            self._since = 0
            if self._is_certified():
                self._driver.want_signature()

    def recheck(self) -> None:
        """See whether a key that lacks a certificate has one by now."""
        if self._driver is not None and self._driver.ready and not self._certified:
            self._is_certified()

    def asked(self, what: str) -> bool:
        """A person wants it to ``sign`` or ``generate``; gives whether it heard."""
        driver = self._driver
        if driver is None or driver.state is None:
            return False
        if what == "generate":
            driver.want_key()
        elif driver.state.phase is Phase.GENERATING:
            pass  # what it signs first is the proof
        elif driver.public is None or self._is_certified():
            driver.want_signature()
        else:
            self._tell_uncertified()
        return True

    def take(self, event: Event, now: float) -> bool:
        """Whether ``event`` was about the board's key, and nobody else's business."""
        if self._driver is None:
            return False
        self._handle(self._driver.take(event, now), now)
        match event:
            case SawResult(command=command) | Trouble(command=command):
                return isinstance(command, OURS)
            case _:
                return isinstance(event, SignerEvent)

    def tick(self, now: float) -> None:
        """What the time means for it."""
        if self._driver is None:
            return
        if now >= self._driver.deadline:
            self._handle(self._driver.tick(now), now)
        if now >= self._again_at:
            self._again_at = float("inf")
            if self._driver.public is not None:
                self._ready(self._driver.public, now)

    def _is_certified(self) -> bool:
        public, before = self._driver.public if self._driver else None, self._certified
        self._certified = public is not None and self._desk.certified(self._device) == public
        if self._certified and not before:
            self._forget_others()
        return self._certified

    def _forget_others(self) -> None:
        """The leaves of keys before the one that is certified have had their time."""
        state, nodes = self._driver.state if self._driver else None, self._desk.registry.nodes
        try:
            if state is not None:
                forget_others(nodes, self._device, state.generation)
        except OSError as error:
            self._desk.trouble(self._where, NODES_IO, f"{nodes}: {error.strerror}")

    def _handle(self, outcomes: list[Outcome], now: float) -> None:
        assert self._driver is not None
        for each in outcomes:
            match each:
                case Progress(done=done, total=total):
                    if done % SAY_EVERY == 0 or done == total:
                        _log.info("%s: leaf %d of %d of the board's own key", self._where, done, total)
                case KeyReady(public=public):
                    self._ready(public, now)
                case Signed():
                    self._sealed(each, now)
                case Told(problem=problem, reason=reason):
                    self._desk.trouble(self._where, problem, f"{self._device.hex()}: {reason}")
        state = self._driver.state
        if state is not None and state != self._state:
            self._state = state
            if state.phase is not Phase.GENERATING or state.done % SAY_EVERY == 0:
                self._keep(state)

    def _keep(self, state: SignerState) -> bool:
        try:
            self._desk.registry.keep_signer(self._device, state)
        except QcotError as error:  # the board has it all still
            self._desk.trouble(self._where, error.problem, error.reason)
            return False
        return True

    def _keep_proof(self, state: SignerState, now: float) -> None:
        if self._keep(state):
            self._tell_uncertified()
        else:
            self._desk.unkept[self._device] = state
            self._again_at = now + REST_S

    def _ready(self, public: bytes, now: float) -> None:
        """See that a key without a certificate has its proof."""
        assert self._driver is not None
        unkept = self._desk.unkept.pop(self._device, None)
        if self._is_certified():
            return
        held = self._desk.registry.signer(self._device)
        if unkept is not None and unkept.public == public:
            self._keep_proof(unkept, now)
        elif held is None or held.public != public or held.proof is None:
            self._ask_proof(now)
        else:
            self._tell_uncertified()

    def _ask_proof(self, now: float) -> None:
        assert self._driver is not None
        try:
            self._desk.registry.require_room(self._device)
        except QcotError as error:
            self._desk.trouble(self._where, error.problem, error.reason)
            self._again_at = now + REST_S
        else:
            self._driver.want_signature()  # which proves that the board has this key

    def _tell_uncertified(self) -> None:
        self._desk.trouble(
            self._where, SIGNER_UNCERTIFIED, f"{self._device.hex()} has a key that its certificate lacks"
        )

    def _sealed(self, signed: Signed, now: float) -> None:
        proof = signed.proof
        if self._is_certified():
            if proof.seq:  # before the first reading there is nothing on the ledger that it could stand for
                entry = CheckpointEntry(self._device, proof.epoch, proof.seq, proof.link, proof.signature)
                self._desk.queue(entry)
            return
        state = self._driver.state if self._driver else None
        if state is not None:
            self._keep_proof(replace(state, proof=proof), now)
