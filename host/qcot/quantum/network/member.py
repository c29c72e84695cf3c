"""A member at work: publish, validate, verify, vote, draw a bookkeeper, close a Qblock, double-check it, append it.

Every member runs this by itself, on what it was sent; nothing is shared but the channels. A phase ends when everybody
has been heard, or at its deadline, which is the same for all (a synchronous network): so all count the same votes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from qcot.quantum.network.chain import Block, Claims, Record, double_check, local_check, new_block
from qcot.quantum.network.lottery import commitment, drawn, revealed
from qcot.quantum.network.validation import validation
from qcot.quantum.network.wire import Body, Steps
from qcot.quantum.network.world import ATTEMPTS, Publication, World
from qcot.quantum.qblock import LocalCheck


class Member:
    """One node that keeps a replica."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.chain: list[Block] = []
        self._peers = [peer for peer in world.members if peer != name]
        self._height = 0
        self._deadline = 0
        self._silent: set[str] = set()

    def life(self, start_ns: int) -> Steps:
        """All rounds of the run, the first at ``start_ns``."""
        world, env = self.world, self.world.wire.env
        for height in range(world.settings.blocks):
            yield env.timeout(start_ns + height * world.interval_ns - env.now)
            if not world.is_down(self.name, height):
                yield from self._round(height)

    def _round(self, height: int) -> Steps:
        self._height, self._deadline, self._silent = height, self._now, set()
        own = self._publish()
        heard = yield from self._exchange("publications", {"records": [asdict(each.record) for each in own]})
        claims = [(sender, Record(**each)) for sender, said in heard.items() for each in said["records"]]
        votes = yield from self._judge(claims)
        votes |= {each.record.id: True for each in own}
        heard = yield from self._exchange("votes", {"votes": votes})
        tally = [votes, *(said["votes"] for said in heard.values())]
        known = [record for _, record in claims] + [each.record for each in own]
        due = {each.id: each for each in known if self._carried(sum(bool(vote.get(each.id)) for vote in tally))}
        for record in due.values():
            self._note("record due", record=record.id[:12], origin=record.origin)
        barred: set[str] = set()
        for attempt in range(ATTEMPTS if due else 0):
            chosen, draw = yield from self._draw(attempt, barred)
            if chosen is None or (yield from self._close(attempt, chosen, draw, due)):
                break
            barred.add(chosen)

    def _publish(self) -> list[Publication]:
        """This round's own records, stamped now."""
        own = [
            each for each in self.world.publications if (each.height, each.record.origin) == (self._height, self.name)
        ]
        stamped = [replace(each, record=replace(each.record, time_ns=self._now)) for each in own]
        for each in stamped:
            self._note("published", record=each.record.id[:12], patient=each.record.patient, sha256=each.record.sha256)
        self.world.bodies.update({each.record.id: each.body for each in stamped})
        return stamped

    def _judge(self, claims: list[tuple[str, Record]]) -> Steps:
        """Validate and verify every claim, all at once; gives the vote on each record's id."""
        env = self.world.wire.env
        running = [env.process(self._judge_one(sender, record)) for sender, record in claims]
        yield env.all_of(running)
        return {record.id: bool(process.value) for (_, record), process in zip(claims, running, strict=True)}

    def _judge_one(self, sender: str, record: Record) -> Steps:
        world = self.world
        if record.origin == self.name:
            self._note("identity refused", peer=sender, claimed=self.name, subject=record.id[:12], why="not mine")
            return False
        checkup = yield from validation(world, self._height, (self.name, sender), record.origin, record.id)
        if not checkup.accepted:
            return False
        wire = world.wire
        if not (yield from wire.carry(self.name, sender, "body wanted", {"record": record.id})):
            return False
        body = world.hand_out(record, self._height)
        if not (yield from wire.carry(sender, self.name, "body", {"record": record.id, "body": body.hex()})):
            return False
        right = record.describes(body)
        self._note("record verified" if right else "record refused", record=record.id[:12], origin=record.origin)
        return right

    def _draw(self, attempt: int, barred: set[str]) -> Steps:
        """Commit, reveal, and see who is drawn; gives the name (None if nobody is left) and the digest."""
        fault = self.world.acts(self._height)
        silent = fault is not None and fault.withholds and fault.node == self.name
        value = self.world.random_bytes()
        own = commitment(self._height, attempt, self.name, value)
        heard = yield from self._exchange(f"commitment {attempt}", {"commitment": own})
        bound = {name: str(said["commitment"]) for name, said in heard.items()} | {self.name: own}
        heard = yield from self._exchange(f"value {attempt}", None if silent else {"value": value.hex()})
        values = {name: bytes.fromhex(said["value"]) for name, said in heard.items()}
        counted = revealed(self._height, attempt, bound, values if silent else values | {self.name: value})
        for name in sorted(set(bound) - set(counted) - {self.name}):
            self._note("reveal missing", of=name)
        chosen, digest = drawn(counted, barred)
        self._note("bookkeeper drawn", chosen=chosen, digest=digest[:12], values=len(counted))
        return chosen, digest

    def _close(self, attempt: int, chosen: str, draw: str, due: Mapping[str, Record]) -> Steps:
        """Make the Qblock or receive it, say what it is worth, and append it if a quorum says so; gives whether."""
        block: Block | None = None
        why: str | None = None
        sound = True
        if chosen == self.name:
            block = self._make(attempt, draw, due)
            yield from self._exchange(f"qblock {attempt}", asdict(block), senders=())
        else:
            heard = yield from self._exchange(f"qblock {attempt}", None, senders=(chosen,))
            why = "no qblock"
            if chosen in heard:
                block = _block_of(heard[chosen])
                why, sound = yield from self._examine(block, chosen, draw, due)
        said = {"hash": block.hash if block else "", "ok": why is None, "why": why or ""}
        heard = yield from self._exchange(f"verdict {attempt}", said)
        agreed = sum(
            each["ok"] and block is not None and each["hash"] == block.hash for each in (said, *heard.values())
        )
        if block is None or not sound or not self._carried(agreed):
            self._note("qblock dropped", bookkeeper=chosen, agreed=agreed)
            return False
        self.chain.append(block)
        self._note("qblock appended", hash=block.hash[:12], agreed=agreed)
        return True

    def _make(self, attempt: int, draw: str, due: Mapping[str, Record]) -> Block:
        block = new_block(self.chain, self.name, draw, list(due.values()), self._now)
        fault = self.world.acts(self._height)
        if fault is not None and fault.tampers is not None and attempt == 0:
            block = fault.tampers(block)
        block = block.checked(self._local_check(block))
        self._note("qblock made", hash=block.hash[:12], records=len(block.records))
        return block

    def _examine(self, block: Block, chosen: str, draw: str, due: Mapping[str, Record]) -> Steps:
        """Validate the bookkeeper, then double-check its Qblock; gives what is wrong, and whether the Qblock is sound.

        A quorum overrules a validation that failed here alone, as on a tapped link, but never the double check.
        """
        checkup = yield from validation(self.world, self._height, (self.name, chosen), chosen, block.hash)
        failed = double_check(block, Claims(self.chain, due, chosen, draw, self._now, self._local_check))
        self._note("qblock refused" if failed else "qblock checked", bookkeeper=chosen, failed=failed or "")
        return failed or (None if checkup.accepted else checkup.why), failed is None

    def _local_check(self, block: Block) -> LocalCheck:
        settings = self.world.settings
        return local_check(self.chain, block, settings.shots, self.world.streams.seed("check"), settings.backend)

    def _exchange(self, topic: str, body: Body | None, senders: Sequence[str] | None = None) -> Steps:
        """Tell all peers ``body`` and hear ``senders`` (all of them by default) until the deadline; by sender."""
        world, topic = self.world, f"{topic} {self._height}"
        self._deadline += world.wire.window_ns
        if body is not None:
            for peer in self._peers:
                world.wire.post(self.name, peer, topic, body)
        awaited = self._peers if senders is None else senders
        heard: dict[str, Any] = yield from world.wire.collect(self.name, topic, awaited, self._deadline)
        for peer in sorted(set(awaited) - set(heard) - self._silent):
            self._note("silent", peer=peer, topic=topic)
            self._silent.add(peer)
        return heard

    def _carried(self, votes: int) -> bool:
        return votes >= self.world.quorum

    def _note(self, what: str, **detail: Any) -> None:
        self.world.journal.note(self.name, what, block=self._height, **detail)

    @property
    def _now(self) -> int:
        return int(self.world.wire.env.now)


def _block_of(body: Body) -> Block:
    fields = dict(body)
    records = tuple(Record(**each) for each in fields.pop("records"))
    return Block(records=records, **(fields | {"zeros": tuple(fields["zeros"])}))
