"""A board's own key through the session: made, used and judged."""

from __future__ import annotations

import pyhsslms.pyhsslms as oracle
from qcot.crypto.lms import Parameters, Tree, assemble, checkpoint_message, parameters_of
from qcot.link.events import SawCheckpoint, SawLeaf, SawResult, SawSignature, SawSigner
from qcot.link.messages import Code, Command
from qcot.link.signer import Generate, Path, Phase, Sign, Signer, WantLeaf

from sweep.host import ANSWER_S, E, Host
from sweep.known import Key, ViolationError


class RefusedError(Exception):
    """The board said no, and why."""

    def __init__(self, what: str, code: Code) -> None:
        super().__init__(f"{what}: {code.label}")
        self.code = code


GENERATE_S, LEAF_S, SIGNATURE_S = 15.0, 20.0, 10.0


def parameters_told(signer: Signer) -> Parameters:
    """The sets that the board names."""
    found = parameters_of(signer.lms, signer.ots)
    if found is None:
        raise ViolationError("wrong-sets", f"{signer.lms:#04x} {signer.ots:#04x}")
    return found


def judge(host: Host, *, may_be_damaged: bool) -> Signer:
    """Ask how the key stands, and compare with what is known of it."""
    known = host.known
    host.session.ask_signer()
    signer = host.next(SawSigner).signer
    key, told = known.key, Key(signer.generation, signer.identifier, signer.root)
    leaves = parameters_told(signer).leaves
    match signer.phase:
        case Phase.DAMAGED:
            good = may_be_damaged
        case Phase.NONE:
            good = key is None
        case Phase.GENERATING:
            same = key is None or (key.generation, key.identifier) == (told.generation, told.identifier)
            folded = len(known.leaves)
            good = known.generating and same and not (key and key.root) and folded - 1 <= signer.next <= folded + 1
        case Phase.READY | Phase.EXHAUSTED:
            same = key is not None and (key.generation, key.identifier) == (told.generation, told.identifier)
            made = bool(key and key.root in (b"", told.root)) and len(known.leaves) >= leaves - 1
            fresh = known.leaks.highest < signer.next <= known.asked_leaf + 1
            if not fresh:
                signed = f"signed up to {known.leaks.highest}, asked up to {known.asked_leaf}, next {signer.next}"
                raise ViolationError("leaf-reused" if signer.next <= known.leaks.highest else "leaf-skipped", signed)
            good = same and made and (signer.phase is Phase.READY) == (signer.next < leaves)
    if not good:
        raise ViolationError("key-lost", f"{signer} where {key} was, {len(known.leaves)} leaves told")
    if signer.phase is not Phase.DAMAGED and signer.phase is not Phase.NONE:
        known.key = told if signer.phase is not Phase.GENERATING else Key(told.generation, told.identifier)
    return signer


def _answer(host: Host, kind: type[E], command: type[Command], within: float = ANSWER_S) -> E:
    """What answers ``command``; RefusedError if that is a RESULT other than ok."""
    end = host.now + within
    while host.now < end:
        for event in host.step():
            refused = isinstance(event, SawResult) and isinstance(event.command, command) and event.code is not Code.OK
            if isinstance(event, SawResult) and refused:
                raise RefusedError(command.__name__, event.code)
            if isinstance(event, kind) and (not isinstance(event, SawResult) or isinstance(event.command, command)):
                return event
    raise ViolationError("silent", f"no answer to {command.__name__} in {within:.0f} s of the board")


def generate(host: Host) -> None:
    """Begin a key."""
    host.known.generating = True
    host.session.generate()
    _answer(host, SawResult, Generate, GENERATE_S)


def fold(host: Host, signer: Signer) -> Signer:
    """Let it make the rest of its leaves; none may differ from what was told before."""
    leaves = parameters_told(signer).leaves
    for index in range(signer.next, leaves):
        leaf(host, index)
    ready = judge(host, may_be_damaged=False)
    if ready.phase is not Phase.READY:
        raise ViolationError("key-lost", f"{ready.phase.name} after leaf {leaves - 1}")
    check_root(host, ready)
    return ready


def check_root(host: Host, ready: Signer) -> None:
    """The root is that of the leaves."""
    parameters = parameters_told(ready)
    for index in range(parameters.leaves):
        if index not in host.known.leaves:  # its LEAF was lost in a cut
            leaf(host, index)
    tree = Tree(parameters, ready.identifier, [host.known.leaves[at] for at in range(parameters.leaves)])
    if tree.root != ready.root:
        raise ViolationError("wrong-root", f"{ready.root.hex()} is not over the leaves that were told")


def leaf(host: Host, index: int) -> None:
    """Ask for one leaf, which must be what it ever was."""
    host.session.want_leaf(index)
    node = _answer(host, SawLeaf, WantLeaf, LEAF_S).leaf.node
    if host.known.leaves.setdefault(index, node) != node:
        raise ViolationError("leaf-changed", f"leaf {index} was {host.known.leaves[index].hex()}, is {node.hex()}")


def sign(host: Host, signer: Signer) -> None:
    """A whole signature of the chain's checkpoint, verified by an implementation that is not ours."""
    known, parameters, index = host.known, parameters_told(signer), signer.next
    leaf(host, index)
    tree = Tree(parameters, signer.identifier, [known.leaves[at] for at in range(parameters.leaves)])
    path = tree.path(index)
    for level, node in enumerate(path):
        host.session.path(index, level, node)
    for _ in path:
        _answer(host, SawResult, Path)
    known.asked_leaf = max(known.asked_leaf, index)
    host.session.sign(index)
    checkpoint, values = None, b""
    end = host.now + SIGNATURE_S
    while len(values) < parameters.chains * parameters.n:
        if host.now > end:
            raise ViolationError("silent", f"a signature is not whole after {SIGNATURE_S:.0f} s of the board")
        for event in host.step():
            match event:
                case SawCheckpoint():
                    checkpoint = event.checkpoint
                case SawSignature(signature=part) if part.leaf == index:
                    values += part.values
                case SawResult(command=Sign()):
                    raise RefusedError("SIGN", event.code)
    if checkpoint is None or checkpoint.leaf != index or known.device is None:
        raise ViolationError("bad-signature", f"values of leaf {index} without its checkpoint")
    split = [values[at : at + parameters.n] for at in range(0, len(values), parameters.n)]
    signature = assemble(parameters, index, checkpoint.randomizer, split, path)
    message = checkpoint_message(known.device, checkpoint.epoch, checkpoint.seq, checkpoint.link)
    public = oracle.LmsPublicKey(signer.identifier, signer.root, parameters.tree, parameters.one_time)
    if public.verify(message, signature) is not True:
        raise ViolationError("bad-signature", signature.hex())
