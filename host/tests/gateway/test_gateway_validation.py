"""No Qblock without its bookkeeper validated: by the bridges in turn, with keys that are gone at both ends."""

import shutil
import sqlite3
import uuid

from boards import BridgeSide
from gateway_site import GATEWAY_KEY, until
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.trust import Trust
from qcot.ledger.verify import verify
from qcot.quantum.qkd.store import Key, KeyStore


def unused(path) -> dict[uuid.UUID, bytes]:
    with sqlite3.connect(path) as file:
        return {
            uuid.UUID(bytes=each): secret for each, secret in file.execute("SELECT id, secret FROM key WHERE NOT used")
        }


def test_the_bridges_take_turns_and_each_qblock_burns_a_key_at_both_ends(desk, bridge, board):
    other = BridgeSide("b2")
    one = desk(max_transactions=1, bridges={each.name: each.key.public_key for each in (bridge, other)})
    for number in range(4):
        one.give(bridge.sign(board.entry() if number else board.enrolment()))
        one.settle()
    records = [one.books.ledger.header(height).quantum.validated for height in range(4)]
    assert [each.verifier for each in records] == ["b1", "b2", "b1", "b2"]
    assert all((each.errors, each.mismatches) == (0, 0) for each in records)
    assert len({each.key_id for each in records}) == 4
    for name, burnt in (("b1", records[::2]), ("b2", records[1::2])):
        folder = one.config.validation_keys
        ends = [unused(folder / f"{name}.{end}") for end in ("bridge", "gateway")]
        assert ends[0] == ends[1]
        assert ends[0]
        assert not {uuid.UUID(bytes=each.key_id) for each in burnt} & set(ends[0])
    trust = Trust({bridge.name: bridge.key.public_key}, VerifierKey("gw", GATEWAY_KEY.public_key))
    assert verify(one.books.ledger, trust).holds
    assert "validated by b2" in [event.text for event in one.events if event.kind == "qblock"][-1]


def test_a_gateway_without_the_key_is_not_accepted_until_it_has_it_and_nothing_is_lost(desk, bridge, board):
    one = desk(max_transactions=1)
    folder = one.config.validation_keys
    mine = [Key(uuid.uuid4(), bytes([number]) * 32) for number in range(3)]
    with KeyStore(folder / "b1.bridge") as verifier, KeyStore(folder / "b1.gateway") as prover:
        verifier.add(mine)
        prover.add([Key(mine[0].id, b"x" * 32), mine[2]])  # a wrong key, then one that it lacks, then the right one
    one.give(bridge.sign(board.enrolment()))
    for name in ("validation-identity-refused", "key-unknown"):
        until(one.worker._closing.done, "the quantum part")
        assert one.give() == []
        assert name in one.worker.snapshot(True).trouble
        assert one.books.ledger.height() == 0
        one.worker._retry_at = 0
        one.give()
        assert one.worker._closing is not None or name == "key-unknown"
    one.settle()
    assert one.books.ledger.header(0).quantum.validated.key_id == mine[2].id.bytes
    assert one.worker.snapshot(True).trouble is None


def test_a_gateway_whose_validation_keys_were_lost_draws_new_ones(desk, bridge, board):
    one = desk(max_transactions=1)
    one.give(bridge.sign(board.enrolment()))
    one.settle()
    shutil.rmtree(one.config.validation_keys)
    one.give(bridge.sign(board.entry()))
    one.settle()
    assert one.books.ledger.height() == 2
