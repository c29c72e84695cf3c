"""Attacks on a chain of Qblocks as records: what each forges, how often a check shows it, and a runner beside theory.

The forged chain is what is prepared, the honest one what is expected; docs/quantum/qblocks.md has the closed forms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from qcot.errors import Problem, QcotError
from qcot.quantum.backends import MAX_SHOTS, require_seed, run_circuits
from qcot.quantum.qblock import (
    H_BITS,
    T_BITS,
    Chain,
    ChainCheck,
    ClosedForm,
    check_chain,
    compare,
    inverse_circuit,
    mean_tail_fidelity,
    run_chain_check,
)

if TYPE_CHECKING:
    from qcot.quantum.backends import Backend
    from qcot.quantum.statistics import Estimate

BAD_FORGERY = Problem(
    "qblock-forgery",
    "Forge 'block', 'link' or 'tail', at a block of the chain (a link has a next one), by an angle that is not 0: "
    "below 2 pi for a block, within pi/2 to 3 pi/2 for a link's phase with it; none for a tail.",
)
_PER_JOB = 500

Forge: TypeAlias = Callable[[Chain, int, float | None, np.random.Generator], Chain]


@dataclass(frozen=True)
class QblockAttack:
    """One attack. ``forge(honest, at, delta, random)`` gives the forged chain, random where ``delta`` is None.

    ``mean_fidelity(honest, at)`` is that of the check by inversion, averaged over random forgeries. ``middle(n)`` is
    where it is done unless somebody says where.
    """

    name: str
    does: str
    forge: Forge
    mean_fidelity: Callable[[Chain, int], float]
    middle: Callable[[int], int]


@dataclass(frozen=True, eq=False)
class QblockDetection:
    """One forgery, run: how often a shot shows it by inversion, in each colour, and in its own block alone."""

    attack: QblockAttack
    at: int
    forged: Chain
    theory: ClosedForm
    check: ChainCheck
    inverse: Estimate
    colours: tuple[Estimate, ...]
    local: Estimate


def _block(honest: Chain, at: int, delta: float | None, random: np.random.Generator) -> Chain:
    """Another h for one block."""
    scale = (1 << H_BITS) / math.tau
    change = int(random.integers(1, 1 << H_BITS)) if delta is None else _units(delta, scale, math.tau)
    h = honest.h.copy()
    h[at] = (int(h[at]) + change) % (1 << H_BITS)
    return replace(honest, h=h)


def _link(honest: Chain, at: int, delta: float | None, random: np.random.Generator) -> Chain:
    """Another time for one block, which is another phase of its link to the next."""
    if at == len(honest) - 1:
        raise QcotError(BAD_FORGERY, f"block {at} is the newest and has no link to a next one")
    was = int(honest.t_ms[at])
    other = int(random.integers((1 << T_BITS) - 1))
    time = other + (other >= was) if delta is None else was + _units(delta, (1 << T_BITS) / math.pi, math.pi)
    if not 0 <= time < 1 << T_BITS:
        raise QcotError(BAD_FORGERY, f"a link of phase {honest.block(at).phi:.4f} is not forged by {delta!r} radians")
    t_ms = honest.t_ms.copy()
    t_ms[at] = time
    return replace(honest, t_ms=t_ms)


def _tail(honest: Chain, at: int, delta: float | None, random: np.random.Generator) -> Chain:
    """Another h for a block and all after it: each qhash is that of a core which names the header before."""
    if delta is not None:
        raise QcotError(BAD_FORGERY, f"a tail cannot be forged by {delta!r} radians: its walk hashes decide")
    h = honest.h.copy()
    h[at:] = (h[at:] + random.integers(1, 1 << H_BITS, len(h) - at)) % (1 << H_BITS)
    return replace(honest, h=h)


def _units(delta: float, scale: float, limit: float) -> int:
    """An angle in the integers that phases are made of."""
    change = round(delta * scale) if math.isfinite(delta) else 0
    if not change or abs(delta) >= limit:
        raise QcotError(BAD_FORGERY, f"an error of {delta!r} radians")
    return change


def _mean_link_fidelity(honest: Chain, at: int) -> float:
    """Mean of (5 + 3 cos e) / 8 over all times: e is uniform over a range of pi that the honest time places."""
    place = math.pi * int(honest.t_ms[at]) / (1 << T_BITS)
    return (5 + 6 * math.sin(place) / math.pi) / 8


QBLOCK_ATTACKS = (
    QblockAttack(
        "block", "one block is replaced, and its phase is random", _block,
        lambda _honest, _at: mean_tail_fidelity(1), lambda blocks: blocks // 2,
    ),
    QblockAttack(
        "link", "one block's time is changed, and with it its link to the next", _link,
        _mean_link_fidelity, lambda blocks: (blocks - 1) // 2,
    ),
    QblockAttack(
        "tail", "a block and all after it are rewritten, as whoever changes one has to", _tail,
        lambda honest, at: mean_tail_fidelity(len(honest) - at), lambda blocks: blocks // 2,
    ),
)  # fmt: skip


def qblock_attack(name: str) -> QblockAttack:
    """The attack of this name; raises `qblock-forgery`."""
    for attack in QBLOCK_ATTACKS:
        if attack.name == name:
            return attack
    raise QcotError(BAD_FORGERY, f"{name!r} is no attack on Qblocks")


def forge(
    attack: QblockAttack, honest: Chain, seed: int, at: int | None = None, delta: float | None = None
) -> tuple[Chain, int]:
    """The forged chain and where it was forged; by ``delta`` radians or, without, at random from ``seed``."""
    require_seed(seed)
    place = attack.middle(len(honest)) if at is None else at
    if not 0 <= place < len(honest):
        raise QcotError(BAD_FORGERY, f"block {place} of {len(honest)}")
    return attack.forge(honest, place, delta, np.random.default_rng(seed)), place


def measure_forgery(
    attack: QblockAttack,
    honest: Chain,
    shots: int,
    seed: int,
    *,
    at: int | None = None,
    delta: float | None = None,
    backend: Backend | None = None,
) -> QblockDetection:
    """Forge ``honest``, run every check of the chain, and put what a shot shows beside the closed form.

    Theory is that of a noiseless backend. Raises QcotError for what cannot be forged and as `run_chain_check` does.
    """
    from qcot.quantum.statistics import proportion

    forged, place = forge(attack, honest, seed, at, delta)
    theory = check_chain(forged, honest)
    check = run_chain_check(forged, honest, shots, seed, backend)
    inverse, *colours = compare(check, theory)
    return QblockDetection(
        attack=attack,
        at=place,
        forged=forged,
        theory=theory,
        check=check,
        inverse=inverse,
        colours=tuple(colours),
        local=proportion(f"local, block {place} alone", int(check.detected[place]), shots, float(theory.local[place])),
    )


def measure_mean(
    attack: QblockAttack,
    honest: Chain,
    trials: int,
    seed: int,
    *,
    at: int | None = None,
    backend: Backend | None = None,
) -> Estimate:
    """How often one shot by inversion shows a random forgery: ``trials`` forgeries, each in a circuit of its own."""
    from qcot.quantum.statistics import proportion

    if type(trials) is not int or not 1 <= trials <= MAX_SHOTS:
        raise QcotError(BAD_FORGERY, f"{trials!r} trials, not 1 to {MAX_SHOTS:,}")
    shown, place = 0, 0
    for start in range(0, trials, _PER_JOB):
        made = [forge(attack, honest, seed + trial, at) for trial in range(start, min(start + _PER_JOB, trials))]
        place = made[0][1]
        run = run_circuits([inverse_circuit(forged, honest) for forged, _ in made], 1, seed + start, backend)
        shown += sum("1" in next(iter(seen)) for seen in run.counts)
    return proportion(f"{attack.name}, one random shot", shown, trials, 1 - attack.mean_fidelity(honest, place))
