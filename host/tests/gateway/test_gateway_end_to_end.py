"""Gateway, broker and a bridge's side over real MQTT, on both brokers."""

import queue
import signal
import threading

import pytest
from boards import Board, BridgeSide
from crash import CONTEXT, serve
from gateway_site import CHAIN, GATEWAY_KEY, TRUST
from patience import PATIENCE_S, until
from qcot.broker import Mosquitto, make_certificates
from qcot.errors import QcotError
from qcot.gateway import Gateway
from qcot.gateway.inbox import Message
from qcot.ledger import checkpoint
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.reader import Reader
from qcot.ledger.receipts import Status
from qcot.ledger.verify import verify
from qcot.mqtt import MqttLink, checkpoint_topic, receipt_topic, tx_topic

LOG_KEY = VerifierKey("qcot.local/home", GATEWAY_KEY.public_key)


def transactions_in(path):
    with Reader.open(path) as reader:
        return [raw for _, raw in reader.leaves() if raw[0] == 0xD2]


def assert_verifies(path, *bridges):
    with Reader.open(path) as reader:
        result = verify(reader, TRUST)
    assert result.holds, result.failure
    return result


def test_what_a_bridge_sends_is_stored_byte_for_byte_answered_and_closed(running, endpoint, bridge, board, config):
    gateway, end = running(), endpoint()
    sent = [bridge.sign(board.enrolment(), board.entry(board.opened()))]
    sent += [bridge.sign(board.entry(), board.entry(board.readings(3))) for _ in range(20)]
    answers = end.deliver(sent)
    assert [answer.status for answer in answers] == [Status.ACCEPTED] * len(sent)
    assert [answer.sequence for answer in answers] == list(range(1, len(sent) + 1))
    until(lambda: gateway.snapshot().last_qblock is not None, "a Qblock")
    snapshot = gateway.snapshot()
    assert (snapshot.transactions, snapshot.readings, snapshot.refused) == (21, 20 * 17, {})
    assert snapshot.devices[board.device].next_seq == 20 * 17
    assert snapshot.last_qblock.quantum.check.zeros_newest == snapshot.last_qblock.quantum.check.shots == 64
    gateway.stop()
    with Reader.open(config().ledger) as reader:
        assert [reader.leaf(answer.leaf) for answer in answers] == sent
    result = assert_verifies(config().ledger, bridge)
    assert result.signed == result.size
    assert result.counts.readings == 20 * 17


def test_a_refusal_reaches_its_bridge_by_name_and_reason_and_holds_up_nothing(running, endpoint, bridge, board):
    gateway, end = running(), endpoint()
    assert end.ask(bridge.sign(board.enrolment())).status is Status.ACCEPTED
    refused = end.ask(bridge.sign(Board(7).entry()))
    assert (refused.status, refused.name) == (Status.REFUSED, "device-not-enrolled")
    assert "0000000000000007" in refused.reason
    junk = end.ask(b"junk")
    assert (junk.status, junk.name, junk.sequence) == (Status.REFUSED, "bad-cbor", 0)
    assert end.ask(bridge.sign(board.entry())).status is Status.ACCEPTED
    stranger = endpoint("b9")
    unknown = stranger.ask(BridgeSide("b9", seed=9).sign(board.entry(), bare=True))
    assert (unknown.status, unknown.name) == (Status.LATER, "certificate-unknown")
    assert gateway.snapshot().refused == {"device-not-enrolled": 1, "bad-cbor": 1, "certificate-unknown": 1}
    assert {event.kind for event in gateway.events} >= {"connected", "stored", "refused"}


def test_the_newest_checkpoint_is_retained_and_is_the_stored_one(running, endpoint, broker, bridge, board):
    gateway, end = running(), endpoint()
    end.ask(bridge.sign(board.enrolment()))
    until(lambda: gateway.snapshot().checkpoint is not None, "a checkpoint")
    gateway.stop()
    inbox = queue.Queue()
    late = MqttLink(broker.host, broker.port, "late")
    late.subscribe(checkpoint_topic("home"), lambda _topic, payload, ack: (inbox.put(payload), ack()))
    late.start()
    text = inbox.get(timeout=PATIENCE_S).decode()
    late.stop()
    assert text == gateway._books.checkpoint
    assert checkpoint.parse(text).size == 2
    checkpoint.parse(text).verify(LOG_KEY)


def test_a_broker_that_goes_and_comes_back_costs_nothing(running, endpoint, broker, bridge, board, config):
    gateway, end = running(), endpoint()
    sent = [bridge.sign(board.enrolment())]
    end.ask(sent[0])
    broker.stop()
    until(lambda: not gateway.snapshot().connected and not end.link.connected, "the loss to be noticed")
    broker.start()
    until(lambda: gateway.snapshot().connected and end.link.connected, "the broker")
    sent += [bridge.sign(board.entry()) for _ in range(3)]
    assert [answer.status for answer in end.deliver(sent)] == [Status.ACCEPTED] * 4
    gateway.stop()
    assert transactions_in(config().ledger) == sent
    assert_verifies(config().ledger, bridge)


def test_a_gateway_that_is_killed_and_started_again_loses_and_doubles_nothing(
    running, endpoint, broker, bridge, board, config
):
    end = endpoint()
    sent = [bridge.sign(board.enrolment())] + [bridge.sign(board.entry()) for _ in range(200)]
    process = CONTEXT.Process(target=serve, args=(config().ledger, CHAIN, broker.host, broker.port))
    process.start()
    first = None
    while first is None:  # the gateway says nothing of itself before it is asked
        end.send(sent[0])
        try:
            first = end.receipts.get(timeout=0.2)
        except queue.Empty:
            continue
    for raw in sent:
        end.send(raw)
    end.receipt()
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    while not end.receipts.empty():
        end.receipts.get()
    gateway = running()
    assert {answer.status for answer in end.deliver(sent)} == {Status.ACCEPTED}
    gateway.stop()
    assert transactions_in(config().ledger) == sent
    result = assert_verifies(config().ledger, bridge)
    assert result.counts.readings == 200 * 14


def test_two_bridges_are_kept_apart(running, endpoint, bridge, board):
    other = BridgeSide("b2", seed=2)
    running()
    one, two = endpoint("b1"), endpoint("b2")
    first = bridge.sign(board.enrolment())
    assert one.ask(first).status is Status.ACCEPTED
    assert two.ask(first).name == "certificate-wrong-name"
    assert two.ask(other.sign(board.entry())).status is Status.ACCEPTED  # a board may move to another bridge
    assert one.receipts.empty()


def test_a_site_with_tls_and_acl_works_as_one_without(tmp_path, config, bridge, board):
    make_certificates(tmp_path / "tls", "127.0.0.1", "gateway", "b1")
    with Mosquitto(tmp_path, certificates=tmp_path / "tls") as site:
        gateway = Gateway(config(site, tls=site.client_files("gateway")))
        gateway.start()
        link = MqttLink(site.host, site.port, "b1", tls=site.client_files("b1"))
        inbox = queue.Queue()
        for topic in (receipt_topic("home", "b1"), checkpoint_topic("home")):
            link.subscribe(topic, lambda topic, payload, ack: (inbox.put(topic), ack()))
        link.start()
        until(lambda: gateway.snapshot().connected and link.connected, "both ends")
        link.publish(tx_topic("home", "b1"), bridge.sign(board.enrolment()))
        assert inbox.get(timeout=PATIENCE_S) == receipt_topic("home", "b1")
        assert inbox.get(timeout=PATIENCE_S) == checkpoint_topic("home")
        link.stop()
        gateway.stop()


def test_run_returns_when_it_is_asked_to_stop(running):
    gateway = running()
    threading.Timer(0.1, gateway.request_stop).start()
    gateway.run()
    gateway.stop()
    assert gateway._failure is None


def test_what_was_taken_from_the_broker_is_stored_and_closed_before_a_gateway_ends(config, broker, bridge, board):
    gateway = Gateway(config(broker, interval_s=3600.0))
    sent = [bridge.sign(board.enrolment())] + [bridge.sign(board.entry()) for _ in range(600)]
    acked = []
    for raw in sent:
        assert gateway._inbox.put(Message("b1", raw, lambda raw=raw: acked.append(raw)))
    gateway.start()
    gateway.stop()
    assert acked == transactions_in(config().ledger) == sent
    assert assert_verifies(config().ledger, bridge).signed == 602


def test_a_gateway_that_was_not_started_says_so(config):
    with pytest.raises(QcotError) as raised:
        Gateway(config()).snapshot()
    assert raised.value.problem.name == "gateway-not-running"


def test_a_stopped_gateway_still_says_how_it_ended(running, endpoint, bridge, board):
    gateway, end = running(interval_s=3600.0), endpoint()
    end.deliver([bridge.sign(board.enrolment()), bridge.sign(board.entry())])
    gateway.stop()
    snapshot = gateway.snapshot()
    assert (snapshot.connected, snapshot.transactions, snapshot.readings, snapshot.qblocks) == (False, 2, 14, 1)
    assert snapshot.devices[board.device].next_seq == 14
    assert snapshot.checkpoint == gateway._books.checkpoint
    assert checkpoint.parse(snapshot.checkpoint).size == 3
    assert snapshot.trouble is None
