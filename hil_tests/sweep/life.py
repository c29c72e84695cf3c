"""One life of a board, from its first boot on, with forks of it cut off by lot."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from prepared_key import identifier, prepared
from qcot.boards.avr import AvrBoard
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.stepped import CLOCK_HZ, Step, SteppedBoard
from qcot.errors import QcotError
from qcot.link.events import TookReadings
from qcot.link.messages import MAX_RATE, MIN_RATE, Code
from qcot.link.signer import Phase

from sweep import faults, signing
from sweep.cuts import Lot
from sweep.examine import INPUTS, ToldForGoodError, calibrate, configure, examine
from sweep.host import Host
from sweep.known import Key, Known, ViolationError


@dataclass(frozen=True, slots=True)
class Broken:
    """A violation, and what it takes to see it again: the EEPROM is as the cut and the fault left it."""

    life: int
    cuts: int
    cut: int
    stage: str
    cycle: int
    fault: str
    name: str
    detail: str
    before: str
    after: str


@dataclass
class Account:
    """What was done, and what came of it."""

    cuts: int = 0
    torn: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    brown_outs: int = 0
    damage_told: int = 0
    signatures: int = 0
    keys: int = 0
    broken: list[Broken] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {"broken": [asdict(broken) for broken in self.broken]}

    def add(self, other: Account) -> None:
        """Take what another one counted."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a life: its share of the cuts, and about how many cycles it takes and EEPROM bytes it writes."""

    name: str
    share: int
    cycles: int
    writes: int
    run: Callable[[Life], None]
    signs: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A life to be lived: all of it follows from ``seed``; ``only`` examines a single one of its forks.

    prepared: its key is laid into the EEPROM with the last leaves to be made: all take a minute of the board.
    """

    env: str
    elf: Path
    seed: int
    cuts: int
    only: int | None = None
    prepared: bool = False


class Life:
    """A board from its first boot on."""

    def __init__(self, board: SteppedBoard, plan: Plan, tick: Callable[[], None]) -> None:
        self.account = Account()
        self._plan = plan
        self._tick = tick
        self._index = 0
        self._stage = ""
        self.rng = Random(f"life {plan.seed}")
        self._lot = Lot(Random(f"cuts {plan.seed}"), self._cut)
        self.host = Host(board, Known(), self.rng, self._lot)
        self.channels = 0
        self.leaves = 0

    def live(self, cuts: int) -> Account:
        """All stages, and the later ones again until so many forks were cut."""
        first = [stage for stage in STAGES if not stage.signs]
        shares = sum(stage.share for stage in STAGES)
        for stage in first:
            self._go(stage, cuts * stage.share // shares)
        stages = [stage for stage in STAGES if not stage.signs or self.leaves <= MOST_LEAVES]
        if self._plan.prepared:
            stages = [
                replace(stage, cycles=PREPARED_CYCLES) if stage.run is Life.generate else stage for stage in stages
            ]
        for stage in stages[len(first) :]:
            self._go(stage, cuts * stage.share // shares)
        again = [stage for stage in stages if stage.name in AGAIN]
        while self.account.cuts < cuts and (self._plan.only is None or self._index <= self._plan.only):
            self._go(self.rng.choice(again), min(cuts - self.account.cuts - self._lot.left, cuts // 8 + 1))
        return self.account

    def _go(self, stage: Stage, cuts: int) -> None:
        self._stage = stage.name
        self._lot.expect(max(cuts, 0), stage.cycles, stage.writes, self.host.run(1).cycle)
        try:
            stage.run(self)
        except (ViolationError, signing.RefusedError) as error:
            raise ViolationError("life-itself", f"{stage.name}, no cut: {error}") from error

    def _cut(self, step: Step) -> None:
        """Fork, cut, break, examine."""
        plan, index = self._plan, self._index
        self._index += 1
        self.account.cuts += 1
        self._tick()
        if plan.only is not None and index != plan.only:
            return
        rng = Random(f"fork {plan.seed} {index}")
        fault = faults.draw(rng)
        self.account.stages[self._stage] += 1
        self.account.faults[fault.name] += 1
        self.account.torn += step.writing
        before = self.host.board.eeprom()
        with self.host.board.fork(rng.randrange(1 << 32)) as fork:
            known = self.host.known.copy()
            known.leaks.silence()
            made = fault.make(fork, rng, known.leaks.heard)
            known.leaks.silence()
            self.account.brown_outs += made if fault.name == "brown-out" else 0
            after = fork.eeprom()
            try:
                found = examine(Host(fork, known, rng), fault)
                self.account.signatures += found.signatures
                self.account.keys += found.keys
                self.account.damage_told += found.damage_told
            except ToldForGoodError:
                self.account.damage_told += 1
            except (ViolationError, QcotError) as error:
                images = before.hex(), after.hex()
                told = Broken(plan.seed, plan.cuts, index, self._stage, step.cycle, fault.name, *_told(error), *images)
                self.account.broken.append(told)

    # Stages

    def first_boot(self) -> None:
        """Power comes for the first time."""
        self.host.board.power_on()
        self.channels = self.host.hello().channels

    def enrol(self) -> None:
        """An identity, and the first session."""
        if not self.host.enrol():
            raise ViolationError("enrol-refused", "a new board")
        self.host.opened()
        self.host.known.settings = self.host.settings(self.channels)
        self.leaves = signing.parameters_told(signing.judge(self.host, may_be_damaged=False)).leaves

    def configure(self) -> None:
        """Some rates are changed and a channel is calibrated; one channel is sampled in any case."""
        for _ in range(2):
            rate = self.rng.choice((0, MIN_RATE, 1_000, 50_000, MAX_RATE))
            self._accepted(configure(self.host, self.rng.randrange(self.channels), rate), Code.BAD_RATE, Code.PIN_TAKEN)
        num, den, offset = self.rng.randint(1, 99), self.rng.randint(1, 99), self.rng.randint(-70_000, 70_000)
        self._accepted(calibrate(self.host, self.rng.randrange(self.channels), num, den, offset))
        self._accepted(configure(self.host, self.rng.randrange(INPUTS), 100_000))

    @staticmethod
    def _accepted(code: Code, *also: Code) -> None:
        if code not in (Code.OK, *also):
            raise ViolationError("settings-refused", code.label)

    def measure(self) -> None:
        """A session with readings."""
        for _ in range(5):
            self.host.next(TookReadings)

    def reboot(self) -> None:
        """Power goes and comes, twice, the second time in mid-boot."""
        self.host.power_cut()
        self.host.run(self.rng.randrange(CLOCK_HZ // 2))
        self.host.power_cut()
        self.host.hello()
        self.host.opened()
        settings, known = self.host.settings(self.channels), self.host.known
        if settings not in (known.settings, known.wanted):
            raise ViolationError("settings-mixed", str(settings))
        known.settings, known.wanted = settings, None
        signing.judge(self.host, may_be_damaged=False)

    def generate(self) -> None:
        """The board makes its key."""
        if self._plan.prepared:
            self._prepare()
        else:
            signing.generate(self.host)
        signing.fold(self.host, signing.judge(self.host, may_be_damaged=False))

    def _prepare(self) -> None:
        host = self.host
        key = prepared(PREPARED_TREE, PREPARED_ONE_TIME)
        host.board.power_off()
        with tempfile.NamedTemporaryFile() as file:
            image = Path(file.name)
            image.write_bytes(host.board.eeprom())
            key.write(image, PREPARED_LEAVES)
            host.board.put_eeprom(0, image.read_bytes())
        host.known.generating = True
        host.known.key = Key(1, identifier(key.n))
        host.known.leaves = dict(enumerate(key.levels[0][:PREPARED_LEAVES]))
        host.board.power_on()
        host.restart()
        host.hello()
        host.opened()

    def sign(self) -> None:
        """A checkpoint is signed, if there is a leaf left."""
        signer = signing.judge(self.host, may_be_damaged=False)
        if signer.phase is Phase.READY:
            signing.sign(self.host, signer)
            self.account.signatures += 1


STAGES = (
    Stage("first boot", 8, 9_000_000, 6, Life.first_boot),
    Stage("enrolment", 18, 5_200_000, 43, Life.enrol),
    Stage("configuration", 16, 2_500_000, 28, Life.configure),
    Stage("readings", 6, 6_600_000, 0, Life.measure),
    Stage("boot", 10, 14_000_000, 5, Life.reboot),
    Stage("key generation", 16, 830_000_000, 900, Life.generate, signs=True),
    Stage("signature", 10, 35_000_000, 6, Life.sign, signs=True),
    Stage("boot with a key", 8, 14_000_000, 5, Life.reboot, signs=True),
    Stage("signature again", 10, 36_000_000, 6, Life.sign, signs=True),
)
PREPARED_TREE, PREPARED_ONE_TIME = 0x0A, 0x07  # what uno_h5 is built with
PREPARED_LEAVES = 29
PREPARED_CYCLES = 110_000_000
MOST_LEAVES = 32  # of a tree that is made in a life: the largest takes half an hour of the board
AGAIN = frozenset({"configuration", "boot", "signature", "signature again"})


def live(plan: Plan, folder: Path, tick: Callable[[], None] = lambda: None) -> Account:
    """A whole life in ``folder``, which is the board's; a violation of the life itself is one too."""
    board = EmulatedBoard.start(plan.env, state_dir=folder, elf=plan.elf, stepped=True, seed=plan.seed, powered=False)
    assert isinstance(board, AvrBoard)
    with board, board.stepped() as stepped:
        life = Life(stepped, plan, tick)
        try:
            return life.live(plan.cuts)
        except (ViolationError, QcotError) as error:
            eeprom = (folder / "eeprom.bin").read_bytes().hex()
            life.account.broken.append(Broken(plan.seed, plan.cuts, -1, "", 0, "none", *_told(error), eeprom, eeprom))
            return life.account


def _told(error: Exception) -> tuple[str, str]:
    return (error.name, error.detail) if isinstance(error, ViolationError) else ("emulator", str(error))
