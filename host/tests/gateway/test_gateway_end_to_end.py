"""Gateway, broker and a bridge's side over real MQTT, on both brokers."""

from conftest import GATEWAY_KEY, until
from qcot.ledger import checkpoint
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.reader import Reader
from qcot.ledger.receipts import Status


def leaves(path):
    with Reader.open(path) as reader:
        return [raw for _, raw in reader.leaves()]


def test_what_a_bridge_sends_is_stored_byte_for_byte_answered_and_closed_in_a_qblock(
    running, endpoint, bridge, board, config
):
    gateway, end = running(), endpoint()
    sent = [bridge.sign(board.enrolment(), board.entry(board.opened()))]
    sent += [bridge.sign(board.entry(), board.entry(board.readings(3))) for _ in range(20)]
    for raw in sent:
        end.send(raw)
    answers = end.answers(len(sent))
    assert [answer.status for answer in answers] == [Status.ACCEPTED] * len(sent)
    assert [answer.sequence for answer in answers] == list(range(1, len(sent) + 1))
    until(lambda: gateway.snapshot().last_qblock is not None, "a Qblock")
    gateway.stop()
    stored = leaves(config().ledger)
    assert [stored[answer.leaf] for answer in answers] == sent
    with Reader.open(config().ledger) as reader:
        header = reader.header(0)
        assert header.core.bookkeeper == "gw"
        assert header.quantum.check.zeros_newest == header.quantum.check.shots == 64
        text = reader.checkpoint()
        assert checkpoint.parse(text).size == len(stored)
        checkpoint.parse(text).verify(VerifierKey("gw", GATEWAY_KEY.public_key))
