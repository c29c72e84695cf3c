"""Commands on their way to a board: each until its answer comes, or it is given up.

Most are answered at once, and go one at a time. What the board computes in the background goes beside them, one at a
time too: a leaf of the tree takes it seconds, and a rate that is set must not wait for that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from qcot.link.messages import AnyMessage, Calibrate, Channel, Command, Configure, Describe
from qcot.link.signer import AskSigner, Checkpoint, Generate, Leaf, Path, Sign, Signer, WantLeaf


@dataclass(frozen=True, slots=True)
class Manner:
    """How long an answer may take, in seconds, and how often the command is sent in all."""

    timeout: float = 0.5
    tries: int = 6
    slow: bool = False


QUICK = Manner()
MANNERS: dict[type[Command], Manner] = {
    # Said again it changes nothing: the phase is another by then.
    Generate: Manner(15.0, 3, slow=True),
    # The slowest set takes an idle Uno 13 s; asked again, the board goes on with the one that it has begun.
    WantLeaf: Manner(20.0, 6, slow=True),
    # A leaf signs once, so this is never said again: what is lost is lost, and the next leaf is used.
    Sign: Manner(20.0, 1, slow=True),
}


@dataclass(slots=True)
class Pending:
    """A command until its answer comes; ``counters`` are those of the frames in which it was sent."""

    body: Command
    counters: set[int] = field(default_factory=set)
    tries: int = 0
    sent: float = 0.0

    @property
    def manner(self) -> Manner:
        """How it is sent."""
        return MANNERS.get(type(self.body), QUICK)


class Commands:
    """What waits to be sent, and what was sent and waits for its answer: one quick and one slow at most."""

    def __init__(self) -> None:
        self._queues: dict[bool, deque[Pending]] = {False: deque(), True: deque()}
        self._waiting: dict[bool, Pending] = {}

    def add(self, body: Command) -> None:
        """Have ``body`` sent after those before it."""
        pending = Pending(body)
        self._queues[pending.manner.slow].append(pending)

    def clear(self) -> None:
        """Forget all: what they were said to has ended."""
        for queue in self._queues.values():
            queue.clear()
        self._waiting.clear()

    @property
    def idle(self) -> bool:
        """Whether none waits to be sent or answered."""
        return not self._waiting and not any(self._queues.values())

    @property
    def ready(self) -> bool:
        """Whether one can be sent now."""
        return any(queue and slow not in self._waiting for slow, queue in self._queues.items())

    def take(self, now: float) -> Pending:
        """The next to send, which waits for its answer from now on: the caller notes its counter."""
        slow = next(slow for slow, queue in self._queues.items() if queue and slow not in self._waiting)
        pending = self._waiting[slow] = self._queues[slow].popleft()
        pending.tries += 1
        pending.sent = now
        return pending

    def refused_or_done(self, counter: int) -> Command | None:
        """The command that a RESULT for ``counter`` answers, if it is one that waits."""
        found = next((each for each in self._waiting.values() if counter in each.counters), None)
        return self._answered(found)

    def answered_by(self, message: AnyMessage) -> Command | None:
        """The command to which ``message`` is the answer, if it is one that waits."""
        match message:
            case Channel(index=index):
                body: Command = Describe(index)
            case Signer():
                body = AskSigner()
            case Leaf(index=index):
                body = WantLeaf(index)
            case Checkpoint(leaf=leaf):
                body = Sign(leaf)
            case _:
                return None
        return self._answered(next((each for each in self._waiting.values() if each.body == body), None))

    def _answered(self, found: Pending | None) -> Command | None:
        if found is None:
            return None
        del self._waiting[found.manner.slow]
        return found.body

    def expire(self, now: float) -> list[Pending]:
        """Have sent again what was not answered in time; gives what was sent often enough and is let go."""
        late = [each for each in self._waiting.values() if now - each.sent >= each.manner.timeout]
        for each in late:
            del self._waiting[each.manner.slow]
            if each.tries < each.manner.tries:
                self._queues[each.manner.slow].appendleft(each)
        return [each for each in late if each.tries >= each.manner.tries]

    @property
    def deadline(self) -> float | None:
        """When ``expire`` has the next to do."""
        return min((each.sent + each.manner.timeout for each in self._waiting.values()), default=None)


class Commanding:
    """What may be asked of a board in a session; each is sent in its turn."""

    _commands: Commands

    def configure(self, channel: int, rate: int) -> None:
        """Queue CONFIGURE: ``rate`` in mHz."""
        self._commands.add(Configure(channel, rate))

    def describe(self, channel: int) -> None:
        """Queue DESCRIBE."""
        self._commands.add(Describe(channel))

    def calibrate(self, channel: int, num: int, den: int, offset: int) -> None:
        """Queue CALIBRATE: a physical value is (value + offset) * num / den."""
        self._commands.add(Calibrate(channel, num, den, offset))

    def ask_signer(self) -> None:
        """Queue the question how the board's own key stands."""
        self._commands.add(AskSigner())

    def generate(self) -> None:
        """Queue GENERATE: the board begins a key of its own."""
        self._commands.add(Generate())

    def want_leaf(self, index: int) -> None:
        """Queue WANT_LEAF: the board computes a leaf of its tree, which takes seconds."""
        self._commands.add(WantLeaf(index))

    def path(self, leaf: int, level: int, node: bytes) -> None:
        """Queue PATH: one node of the authentication path of ``leaf``, in order from level 0."""
        self._commands.add(Path(leaf, level, node))

    def sign(self, leaf: int) -> None:
        """Queue SIGN: it is sent once, whatever becomes of it."""
        self._commands.add(Sign(leaf))
