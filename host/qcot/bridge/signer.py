"""A board's own key, as the bridge or a person with a cable sees to it: a state machine over a session.

    none -> generating -> the leaves that are missing here -> ready -> leaf, path, sign, values -> ready

Invariants:

- a leaf is on disk (:class:`NodeStore`) before the next one is asked for;
- SIGN goes out once for a leaf, and what came of it is told only after it was verified under the board's key;
- whatever is lost or refused costs a leaf at most: the board is asked where it stands, and the work begins anew;
- a board that goes on refusing is left alone for a minute, so that it measures.

No I/O but the store's, and no clock: times are seconds on any clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto

from qcot.boards.nodes import KeyName, NodeStore, SignerState
from qcot.bridge.making import KeyReady, Making, Outcome, Progress, Signed, Told
from qcot.bridge.problems import (
    NODES_DAMAGED,
    SIGN_REFUSED,
    SIGNATURE_BAD,
    SIGNATURE_LOST,
    SIGNER_DAMAGED,
    SIGNER_EXHAUSTED,
    SIGNER_NO_KEY,
    SIGNER_UNKNOWN,
    TREE_WRONG,
)
from qcot.crypto.lms import BOARD_TYPES, Parameters, Tree, parameters_of
from qcot.errors import Problem, QcotError
from qcot.link.commands import Commanding
from qcot.link.events import Event, SawCheckpoint, SawLeaf, SawResult, SawSignature, SawSigner, Trouble
from qcot.link.messages import Code, Version
from qcot.link.signer import AskSigner, Checkpoint, Generate, Leaf, Path, Phase, Sign, Signature, Signer, WantLeaf

SINCE: Version = (1, 1, 0)
"""The first firmware that signs."""
SILENT_S = 20.0
"""How long the next values of a signature may take: the slowest set needs some seconds for a frame of them."""
MAX_LEAVES = 1024
"""Of a board's tree (docs/link-protocol.md): what is kept for a board is bounded, whatever it says."""
AGAIN_S, REST_S = 1.0, 60.0
TRIES = 3
OURS = (AskSigner, Generate, WantLeaf, Path, Sign)
_LATER = (Code.BUSY, Code.GENERATING)


class _Step(Enum):
    """What the board was asked for last."""

    ASK = auto()
    WAIT = auto()
    GENERATE = auto()
    LEAF = auto()
    OWN_LEAF = auto()
    PATH = auto()
    SIGN = auto()
    VALUES = auto()


class SignerDriver:
    """Feed it a session's events with ``take`` and the time with ``tick``; both give what came of it.

    ``commands`` is the session, ``store`` opens the leaves of a key.
    """

    def __init__(self, device: bytes, commands: Commanding, store: Callable[[KeyName], NodeStore]) -> None:
        self._device = device
        self._commands = commands
        self._open = store
        self._store: NodeStore | None = None
        self._tree: Tree | None = None
        self._signer: Signer | None = None
        self._step = _Step.ASK
        self._making: Making | None = None
        self._wanted = 0
        self._level = 0
        self._tries = 0
        self._anew = False
        self._at = float("inf")
        self._told: set[str] = set()
        self.wants_key = False
        self.wants_signature = False
        self.looks_only = False
        """While it is set the board is asked how its key stands, and for nothing else."""

    # What is known

    @property
    def ready(self) -> bool:
        """Whether the board has a key and all of its leaves are here."""
        return self._tree is not None

    @property
    def state(self) -> SignerState | None:
        """How the key stands, once the board has said so."""
        signer, parameters = self._signer, self._parameters
        if signer is None or parameters is None:
            return None
        return SignerState(signer.phase, signer.generation, signer.next, parameters.leaves, self.public)

    @property
    def public(self) -> bytes | None:
        """The board's public key, once it has one."""
        signer, parameters = self._signer, self._parameters
        if signer is None or parameters is None or signer.phase not in (Phase.READY, Phase.EXHAUSTED):
            return None
        return parameters.public_key(signer.identifier, signer.root)

    @property
    def resting(self) -> bool:
        """Whether nothing is asked of the board now."""
        return self._step is _Step.WAIT

    @property
    def deadline(self) -> float:
        """When to ``tick``."""
        return self._at

    @property
    def _parameters(self) -> Parameters | None:
        return parameters_of(self._signer.lms, self._signer.ots) if self._signer else None

    # What is wished

    def start(self) -> None:
        """Ask the board how its key stands, and go on from there; again in each session."""
        self._making = None
        self._ask()

    def want_key(self) -> None:
        """Have a key made, unless there is one that can sign."""
        self.wants_key = True
        self._tries = 0
        self._wake()

    def want_signature(self) -> None:
        """Have the chain's checkpoint signed, once there is a key for it."""
        if not self.wants_signature:
            self.wants_signature = True
            self._tries = 0
            self._wake()

    def rebuild(self) -> None:
        """Forget the leaves that are here and have the board compute them again."""
        if self._store is not None:
            self._store.clear()
        self._tree = None
        self._wake()

    def _wake(self) -> None:
        if self.resting:
            self._ask()

    # What comes

    def take(self, event: Event, now: float) -> list[Outcome]:
        """What ``event`` means for the key."""
        found: list[Outcome] = []
        match event:
            case SawSigner(signer=signer) if self._step is _Step.ASK:
                self._heard(signer, now, found)
            case SawLeaf(leaf=leaf):
                self._leaf(leaf, now, found)
            case SawCheckpoint(checkpoint=checkpoint):
                self._checkpoint(checkpoint, now)
            case SawSignature(signature=signature):
                self._values(signature, now, found)
            case SawResult(authenticated=True, command=command, code=code) if isinstance(command, OURS):
                self._result(command, code, now, found)
            case Trouble(command=command) if isinstance(command, OURS):
                self._fail(SIGN_REFUSED, f"no answer to {command}", now, found)
            case _:
                pass
        return found

    def tick(self, now: float) -> list[Outcome]:
        """What the time means for it."""
        found: list[Outcome] = []
        if now < self._at:
            return found
        if self._step is _Step.VALUES:
            self._lost("no more values came", now, found)
        else:
            self._ask()
        return found

    def _ask(self) -> None:
        self._go(_Step.ASK)
        self._commands.ask_signer()

    def _go(self, step: _Step, until: float = float("inf")) -> None:
        self._step, self._at = step, until

    def _heard(self, signer: Signer, now: float, found: list[Outcome]) -> None:
        parameters = _set_of(signer)
        self._signer = None if parameters is None else signer
        if signer.phase is not Phase.READY:
            self._tree = None
        if parameters is None:
            said = f"types {signer.lms:#04x} and {signer.ots:#04x}, {signer.phase.name.lower()} at leaf {signer.next}"
            self._rest(SIGNER_UNKNOWN, said, found)
            return
        if self.looks_only:
            self._go(_Step.WAIT)
            return
        if signer.phase in (Phase.GENERATING, Phase.READY):
            name = KeyName(self._device, parameters.tree + parameters.one_time, signer.generation, signer.identifier)
            if self._store is None or self._store.name != name:
                self._tree = None
                try:
                    self._store = self._open(name)
                except QcotError as error:
                    self._later(error.problem, error.reason, now, found)
                    return
                if self._store.damaged:
                    found.append(Told(NODES_DAMAGED, f"{self._store.damaged} of {self._store.path.name}"))
        self._advance(now, found)

    def _advance(self, now: float, found: list[Outcome]) -> None:
        """The next thing to do, by the phase."""
        signer, store, parameters = self._signer, self._store, self._parameters
        assert signer is not None
        assert parameters is not None
        match signer.phase:
            case Phase.NONE | Phase.EXHAUSTED if self.wants_key:
                self.wants_key = False
                self._go(_Step.GENERATE)
                self._commands.generate()
            case Phase.NONE if self.wants_signature:
                self._rest(SIGNER_NO_KEY, "it was asked to sign", found)
            case Phase.NONE:
                self._go(_Step.WAIT)
            case Phase.EXHAUSTED:
                self.wants_signature = False
                reason = f"all {parameters.leaves} leaves of generation {signer.generation} have signed"
                self._rest(SIGNER_EXHAUSTED, reason, found)
            case Phase.DAMAGED:
                self._rest(SIGNER_DAMAGED, "the board says so", found)
            case Phase.GENERATING:
                self.wants_key = False
                self._want(_Step.LEAF, signer.next)
            case Phase.READY:
                self.wants_key = False
                assert store is not None
                missing = None if self._tree else store.missing(parameters.leaves)
                if missing is not None:
                    self._want(_Step.LEAF, missing)
                elif self._tree or self._grow(signer, store, now, found):
                    self._sign_or_wait(signer)

    def _grow(self, signer: Signer, store: NodeStore, now: float, found: list[Outcome]) -> bool:
        tree, public = store.tree(), self.public
        assert tree is not None
        assert public is not None
        if tree.root == signer.root:
            self._tree = tree
            found.append(KeyReady(public))
            return True
        if self._anew:
            self._rest(TREE_WRONG, "the leaves that the board computes do not make its root", found)
            return False
        self._anew = True
        found.append(Told(NODES_DAMAGED, f"{store.path.name} does not make the board's root"))
        try:
            store.clear()
        except QcotError as error:
            self._later(error.problem, error.reason, now, found)
            return False
        self._advance(now, found)
        return False

    def _sign_or_wait(self, signer: Signer) -> None:
        if self.wants_signature:
            self._want(_Step.OWN_LEAF, signer.next)
        else:
            self._go(_Step.WAIT)

    def _want(self, step: _Step, index: int) -> None:
        self._go(step)
        self._wanted = index
        self._commands.want_leaf(index)

    def _leaf(self, leaf: Leaf, now: float, found: list[Outcome]) -> None:
        signer, store, parameters = self._signer, self._store, self._parameters
        if signer is None or store is None or parameters is None:
            return
        if leaf.index != self._wanted or len(leaf.node) != parameters.n:
            return
        if self._step is _Step.OWN_LEAF:
            if store.get(leaf.index) != leaf.node:
                self._fail(TREE_WRONG, f"the board computes another leaf {leaf.index} than before", now, found)
                return
            self._level = 0
            self._climb(signer)
        elif self._step is _Step.LEAF:
            try:
                store.add(leaf.index, leaf.node)
            except QcotError as error:
                self._later(error.problem, error.reason, now, found)
                return
            found.append(Progress(len(store), parameters.leaves))
            following = leaf.index + 1
            if signer.phase is Phase.GENERATING and leaf.index == signer.next and following < parameters.leaves:
                self._signer = replace(signer, next=following)
                self._advance(now, found)
            elif signer.phase is Phase.READY:
                self._advance(now, found)
            else:
                self._ask()

    def _climb(self, signer: Signer) -> None:
        assert self._tree is not None
        path = self._tree.path(signer.next)
        if self._level < len(path):
            self._go(_Step.PATH)
            self._commands.path(signer.next, self._level, path[self._level])
        else:
            self._go(_Step.SIGN)
            self._commands.sign(signer.next)

    def _result(self, command: object, code: Code, now: float, found: list[Outcome]) -> None:
        signer = self._signer
        if code is Code.OK:
            if isinstance(command, Path) and self._step is _Step.PATH and signer is not None:
                self._level += 1
                self._climb(signer)
            elif isinstance(command, Generate):
                self._ask()
        elif code in _LATER or (code is Code.KEY_EXISTS and isinstance(command, Generate)):
            self._go(_Step.ASK, now + AGAIN_S)
        elif code is Code.UNKNOWN_COMMAND:
            self._rest(SIGNER_UNKNOWN, "its firmware has no signer", found)
        else:
            self._fail(SIGN_REFUSED, f"{command}: {code.label}", now, found)

    def _checkpoint(self, checkpoint: Checkpoint, now: float) -> None:
        signer, parameters = self._signer, self._parameters
        if self._step is _Step.SIGN and signer is not None and checkpoint.leaf == signer.next and parameters:
            self._signer = replace(signer, next=signer.next + 1)  # burned, whatever comes
            self._making = Making(checkpoint, parameters)
            self._go(_Step.VALUES, now + SILENT_S)

    def _values(self, part: Signature, now: float, found: list[Outcome]) -> None:
        making, public = self._making, self.public
        if self._step is not _Step.VALUES or making is None or not making.take(part):
            return
        self._at = now + SILENT_S
        if not making.ended:
            return
        if making.broken:
            self._lost("a part of it did not come", now, found)
            return
        assert self._tree is not None
        assert public is not None
        proof = making.proof(self._device, public, self._tree)
        if proof is None:
            self._fail(SIGNATURE_BAD, f"leaf {part.leaf} does not verify", now, found)
            return
        self._making, self.wants_signature, self._tries = None, False, 0
        found.append(Signed(public, proof))
        self._ask()

    # What goes wrong

    def _lost(self, reason: str, now: float, found: list[Outcome]) -> None:
        leaf = self._making.checkpoint.leaf if self._making else None
        self._fail(SIGNATURE_LOST, f"leaf {leaf}: {reason}", now, found)

    def _fail(self, problem: Problem, reason: str, now: float, found: list[Outcome]) -> None:
        """Begin anew, with the next leaf if one was burned; give up what was asked for after some tries."""
        self._making = None
        self._tries += 1
        if self._tries < TRIES:
            found.append(Told(problem, reason))
            self._go(_Step.ASK, now + AGAIN_S)
            return
        self.wants_signature = self.wants_key = False
        self._tries = 0
        found.append(Told(problem, reason, ends=True))
        self._go(_Step.WAIT, now + REST_S)

    def _later(self, problem: Problem, reason: str, now: float, found: list[Outcome]) -> None:
        found.append(Told(problem, reason, ends=True))
        self._go(_Step.WAIT, now + REST_S)

    def _rest(self, problem: Problem, reason: str, found: list[Outcome]) -> None:
        """Leave the board alone until something is wished for; told once."""
        self._go(_Step.WAIT)
        self.wants_signature = False
        if problem.name not in self._told:
            self._told.add(problem.name)
            found.append(Told(problem, reason, ends=True))


def _set_of(signer: Signer) -> Parameters | None:
    """Its parameter sets, where a board of the protocol may have those, and stand there with them."""
    found = parameters_of(signer.lms, signer.ots)
    if found is None or found.tree + found.one_time not in BOARD_TYPES or found.leaves > MAX_LEAVES:
        return None
    is_within = signer.next < found.leaves + (signer.phase is Phase.EXHAUSTED)
    return found if is_within and len(signer.root) == found.n else None
