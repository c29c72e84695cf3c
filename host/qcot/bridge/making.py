"""What comes of a board's key while it is made or signs, and a signature that is put together from its parts."""

from __future__ import annotations

from dataclasses import dataclass, field

from qcot.boards.nodes import KeyProof
from qcot.crypto.lms import Parameters, Tree, assemble, checkpoint_message
from qcot.crypto.signing import LMS, PublicKey
from qcot.errors import Problem, QcotError
from qcot.link.signer import Checkpoint, Signature


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` leaves are here while a key is made, or are looked for again."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class KeyReady:
    """The board has a key, and all of its leaves are here."""

    public: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that the board signed, verified under ``public``."""

    public: bytes
    proof: KeyProof


@dataclass(frozen=True, slots=True)
class Told:
    """Something that a person may want to know; ``ends`` the work that was asked for."""

    problem: Problem
    reason: str
    ends: bool = False


Outcome = Progress | KeyReady | Signed | Told


@dataclass(slots=True)
class Making:
    """A signature whose values come in. ``broken`` once one of them did not come, ``ended`` after the last."""

    checkpoint: Checkpoint
    parameters: Parameters
    values: bytes = b""
    broken: bool = field(init=False)
    ended: bool = False

    def __post_init__(self) -> None:
        self.broken = len(self.checkpoint.randomizer) != self.parameters.n

    def take(self, part: Signature) -> bool:
        """Take some values; gives whether they are of this signature."""
        if part.leaf != self.checkpoint.leaf:
            return False
        n = self.parameters.n
        self.broken |= part.first * n != len(self.values) or len(part.values) % n != 0
        if not self.broken:
            self.values += part.values
        self.ended = part.first + len(part.values) // n >= self.parameters.chains
        self.broken |= self.ended and len(self.values) != n * self.parameters.chains
        return True

    def proof(self, device: bytes, public: bytes, tree: Tree) -> KeyProof | None:
        """The whole of it, if it is a signature by the key ``public`` of ``device``."""
        said, n = self.checkpoint, self.parameters.n
        values = [self.values[at : at + n] for at in range(0, len(self.values), n)]
        signature = assemble(self.parameters, said.leaf, said.randomizer, values, tree.path(said.leaf))
        try:
            PublicKey(LMS, public).verify(signature, checkpoint_message(device, said.epoch, said.seq, said.link))
        except QcotError:
            return None
        return KeyProof(said.epoch, said.seq, said.link, signature)
