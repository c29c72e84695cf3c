"""Faults as records: what each does to a run, and who should notice. The protocol's code asks for fields, not names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from qcot.errors import QcotError
from qcot.quantum.network.chain import Block, with_altered_phase, with_altered_record
from qcot.quantum.network.problems import BAD_TARGET, UNKNOWN_FAULT
from qcot.quantum.network.topology import Topology


@dataclass(frozen=True)
class Fault:
    """One fault. ``target`` is a node, or a link's two ends; ``expects`` are the detections of which one must show.

    ``from_block`` is the Qblock from which on it acts; links and nodes that close at Qblock 0 are closed for keys, too.
    """

    name: str
    does: str
    seen: str
    expects: tuple[str, ...]
    aims_at: Literal["nobody", "member", "link"] = "nobody"
    from_block: int = 0
    target: tuple[str, ...] = ()
    closes: bool = False
    outsider: bool = False
    taps_keys: bool = False
    taps_validation: bool = False
    alters_body: bool = False
    withholds: bool = False
    tampers: Callable[[Block], Block] | None = None

    @property
    def node(self) -> str | None:
        """The member that it aims at."""
        return self.target[0] if self.aims_at == "member" and self.target else None

    @property
    def link(self) -> frozenset[str]:
        """The link that it aims at."""
        return frozenset(self.target) if self.aims_at == "link" else frozenset()


FAULTS = {
    each.name: each
    for each in (
        Fault(
            "outsider", "Ravana, no member, publishes a record in a member's name (QUMA 7.2.1)",
            "every member refuses Ravana at the validation", ("identity refused",), outsider=True,
        ),
        Fault(
            "tapped-keys", "someone intercepts and resends the photons that make keys on a link (QUMA 7.2.2)",
            "the error rate shows it and its two ends get no keys", ("no keys",), "link", taps_keys=True,
        ),
        Fault(
            "tapped-validation", "someone intercepts and resends the halves of pairs on a link (QUMA 7.2.2)",
            "the check step shows it; the two ends refuse each other", ("link disturbed",), "link",
            taps_validation=True,
        ),
        Fault(
            "altered-body", "the first record's origin hands out other bytes than it published the hash of",
            "verification refuses the record", ("record refused",), alters_body=True,
        ),
        Fault(
            "altered-record", "the bookkeeper of Qblock 0 alters a record and hashes the Qblock anew",
            "the double check refuses the Qblock, another bookkeeper is drawn", ("qblock refused",),
            tampers=with_altered_record,
        ),
        Fault(
            "altered-phase", "the bookkeeper of Qblock 0 turns the Qblock's phase by half a turn",
            "the local check refuses the Qblock, another bookkeeper is drawn", ("qblock refused",),
            tampers=with_altered_phase,
        ),
        Fault(
            "silent-revealer", "a member commits to its random bytes and never reveals them",
            "all see it; the draw goes on without its bytes and without it", ("reveal missing",), "member",
            withholds=True,
        ),
        Fault(
            "node-down", "a member is down from Qblock 1 on",
            "the others wait, then go on; its replica stays behind", ("silent",), "member", 1, closes=True,
        ),
        Fault(
            "link-cut", "a link is cut, its quantum and its classical channels",
            "messages and light go round it, or, where there is no way round, a node stays behind",
            ("detour", "silent"), "link", closes=True,
        ),
    )
}  # fmt: skip
"""By name."""
OUTSIDER = "Ravana"


def choose_fault(text: str, topology: Topology) -> Fault:
    """The fault that ``NAME`` or ``NAME:TARGET`` means; a member or a link is chosen where none is named.

    Raises network-unknown-fault and network-fault-target.
    """
    name, colon, aim = text.partition(":")
    if name not in FAULTS:
        raise QcotError(UNKNOWN_FAULT, f"{name!r} is none of {', '.join(FAULTS)}")
    fault = FAULTS[name]
    members: dict[str, tuple[str, ...]] = {member: (member,) for member in reversed(topology.members)}
    links = {f"{a.source}-{a.target}": (a.source, a.target) for a in topology.links("quantum")}
    aims: dict[str, dict[str, tuple[str, ...]]] = {"nobody": {}, "member": members, "link": dict(links)}
    targets = aims[fault.aims_at]
    if not colon:
        return replace(fault, target=next(iter(targets.values()), ()))
    back = {f"{ends[-1]}-{ends[0]}": ends for ends in links.values()} if fault.aims_at == "link" else {}
    found = targets.get(aim) or back.get(aim)
    if found is None:
        raise QcotError(
            BAD_TARGET, f"{name} cannot aim at {aim!r}" + (f", but at {', '.join(targets)}" * bool(targets))
        )
    return replace(fault, target=found)
