import queue
import threading
import time
from contextlib import suppress

import pytest
from characters import CHARACTERS
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE_S
from qcot.broker import EmbeddedBroker
from qcot.errors import QcotError
from qcot.mqtt import (
    MAX_PAYLOAD,
    MqttLink,
    all_bridges,
    checkpoint_topic,
    level,
    parse_topic,
    receipt_topic,
    status_topic,
    tx_topic,
)


def name_of(raised) -> str:
    return raised.value.problem.name


@pytest.fixture
def link(broker):
    """Makes links to the broker, and stops them."""
    made = []

    def make(client_id, **options):
        made.append(MqttLink(broker.host, broker.port, client_id, back_off_s=(0.1, 0.5), **options))
        return made[-1]

    yield make
    for one in made:
        one.stop(flush_s=0)


class Inbox:
    """A handler that keeps what comes; acknowledges at once unless told to hold."""

    def __init__(self, hold=False):
        self.messages = queue.Queue()
        self.acks = queue.Queue()
        self.hold = hold

    def __call__(self, topic, payload, ack):
        self.messages.put((topic, payload))
        if self.hold:
            self.acks.put(ack)
        else:
            ack()

    def get(self):
        return self.messages.get(timeout=PATIENCE_S)


def test_topics_are_those_of_the_architecture():
    assert tx_topic("home", "b-1") == "qcot/v1/home/b-1/tx"
    assert receipt_topic("home", "b-1") == "qcot/v1/home/b-1/receipt"
    assert status_topic("home", "b-1") == "qcot/v1/home/b-1/status"
    assert checkpoint_topic("home") == "qcot/v1/home/ledger/checkpoint"
    assert all_bridges("home", "tx") == "qcot/v1/home/+/tx"
    assert parse_topic("qcot/v1/home/b-1/tx") == ("home", "b-1", "tx")


@given(st.text(CHARACTERS))
def test_a_level_is_64_plain_characters_or_refused(text):
    plain = 0 < len(text) <= 64 and all(c.isascii() and (c.isalnum() or c in "_-") for c in text)
    if plain:
        assert level(text) == text
    else:
        with pytest.raises(QcotError) as raised:
            level(text)
        assert name_of(raised) == "mqtt-bad-level"


@pytest.mark.parametrize("bad", ["", "a/b", "a.b", "a b", "+", "#", "$SYS", "a*", "a>", "a\n", "é", "x" * 65])
def test_characters_that_brokers_read_as_wildcards_are_refused(bad):
    with pytest.raises(QcotError) as raised:
        tx_topic(bad, "b")
    assert name_of(raised) == "mqtt-bad-level"


@given(st.text(alphabet="qcotv1/homebtxreceiptstatus-+#", max_size=40))
def test_what_parses_as_a_topic_is_made_of_its_parts(topic):
    with suppress(QcotError):
        site, bridge, leaf = parse_topic(topic)
        assert topic == f"qcot/v1/{site}/{bridge}/{leaf}"


def test_messages_arrive_in_order_with_their_bytes(link):
    inbox, sender, receiver = Inbox(), link("sender"), link("receiver")
    receiver.subscribe(all_bridges("s", "tx"), inbox)
    receiver.start()
    sender.start()
    assert receiver.wait_connected(PATIENCE_S)
    payloads = [b"", bytes(range(256)), bytes(MAX_PAYLOAD)] + [i.to_bytes(4, "big") for i in range(200)]
    for payload in payloads:
        sender.publish(tx_topic("s", "b"), payload)
    assert [inbox.get() for _ in payloads] == [("qcot/v1/s/b/tx", payload) for payload in payloads]


def test_messages_published_around_a_reconnect_all_arrive_and_none_before_an_older_one(broker, link):
    """Whatever is sent again: the first arrivals are in order."""
    inbox, sender, receiver = Inbox(), link("sender"), link("receiver")
    receiver.subscribe(tx_topic("s", "b"), inbox)
    receiver.start()
    sender.start()
    assert receiver.wait_connected(PATIENCE_S)
    assert sender.wait_connected(PATIENCE_S)
    gone = threading.Event()
    sender.on_disconnect = lambda _reason: gone.set()
    total = 600
    firsts = []
    for number in range(total):
        sender.publish(tx_topic("s", "b"), number.to_bytes(4, "big"))
        if number in (200, 400):
            assert number == 200 or gone.wait(PATIENCE_S)
            assert sender.wait_connected(PATIENCE_S)
            sender._client.socket().shutdown(2)  # the connection goes in mid-stream, the broker stays
    while len(set(firsts)) < total:
        firsts.append(int.from_bytes(inbox.get()[1], "big"))
    assert sorted(set(firsts)) == list(range(total))
    seen = set()
    for number in firsts:
        assert number in seen or number == len(seen)
        seen.add(number)


def test_a_topic_that_is_a_pattern_cannot_be_published_on():
    for topic in ("", "qcot/v1/+/b/tx", "#"):
        with pytest.raises(QcotError) as raised:
            MqttLink("127.0.0.1", 1, "x").publish(topic, b"")
        assert name_of(raised) == "mqtt-bad-topic"


def test_a_subscriber_gets_the_retained_message_when_it_comes(link):
    sender, inbox = link("sender"), Inbox()
    sender.start()
    sender.publish(checkpoint_topic("s"), b"newest", retain=True)
    sender.stop()
    late = link("late")
    late.subscribe(checkpoint_topic("s"), inbox)
    late.start()
    assert inbox.get() == (checkpoint_topic("s"), b"newest")


def test_what_is_published_while_the_broker_is_down_arrives_when_it_is_back(broker, link):
    inbox, sender, receiver = Inbox(), link("sender"), link("receiver")
    gone = threading.Event()
    sender.on_disconnect = lambda _reason: gone.set()
    receiver.subscribe(tx_topic("s", "b"), inbox)
    receiver.start()
    sender.start()
    assert sender.wait_connected(PATIENCE_S)
    assert receiver.wait_connected(PATIENCE_S)
    broker.stop()
    assert gone.wait(PATIENCE_S)
    assert not sender.connected
    broker.start()
    assert receiver.wait_connected(PATIENCE_S)  # subscribed anew, so nothing sent from here on is missed
    sender.publish(tx_topic("s", "b"), b"late")
    assert inbox.get() == (tx_topic("s", "b"), b"late")


def test_a_link_without_a_broker_says_so_once_and_connects_when_it_comes(caplog):
    broker = EmbeddedBroker()
    broker.start()
    broker.stop()
    link = MqttLink(broker.host, broker.port, "early", back_off_s=(0.1, 0.2))
    link.start()
    try:
        link.publish(tx_topic("s", "b"), b"x")
        while link.last_error is None:
            time.sleep(0.01)
        time.sleep(0.5)  # several more attempts
        with broker:
            assert link.wait_connected(PATIENCE_S)
            [said] = [each for each in caplog.messages if "cannot be reached" in each]
            assert f"{broker.host}:{broker.port}" in said
            link.stop()
            assert link.queued == 0
    finally:
        link.stop(flush_s=0)


def test_a_full_queue_is_refused_by_name_and_has_room_again_after_delivery(broker):
    link = MqttLink(broker.host, broker.port, "full", max_queued=3, max_queued_bytes=1000)
    for _ in range(3):
        link.publish(tx_topic("s", "b"), b"x")
    with pytest.raises(QcotError) as raised:
        link.publish(tx_topic("s", "b"), b"x")
    assert name_of(raised) == "mqtt-queue-full"
    link.start()
    assert link.wait_connected(PATIENCE_S)
    link.stop(flush_s=PATIENCE_S)
    assert link.queued == 0
    link.publish(tx_topic("s", "b"), bytes(1000))
    with pytest.raises(QcotError) as raised:
        link.publish(tx_topic("s", "b"), b"x")
    assert name_of(raised) == "mqtt-queue-full"


def test_a_payload_over_one_mebibyte_is_refused():
    with pytest.raises(QcotError) as raised:
        MqttLink("127.0.0.1", 1, "big").publish(tx_topic("s", "b"), bytes(MAX_PAYLOAD + 1))
    assert name_of(raised) == "mqtt-payload-too-large"


def test_a_handler_that_fails_stops_nothing(link):
    seen = queue.Queue()

    def handler(_topic, payload, ack):
        seen.put(payload)
        if payload == b"bad":
            raise ValueError(payload)
        ack()

    one = link("both")
    one.subscribe(tx_topic("s", "b"), handler)
    one.start()
    assert one.wait_connected(PATIENCE_S)
    for payload in (b"bad", b"good"):
        one.publish(tx_topic("s", "b"), payload)
    assert [seen.get(timeout=PATIENCE_S) for _ in range(2)] == [b"bad", b"good"]
    assert one.connected


def test_an_ack_from_before_a_reconnect_is_not_taken_for_another_message(broker, link):
    inbox, one = Inbox(hold=True), link("one")
    one.subscribe(tx_topic("s", "b"), inbox)
    one.start()
    assert one.wait_connected(PATIENCE_S)
    one.publish(tx_topic("s", "b"), b"first")
    inbox.get()
    old_ack = inbox.acks.get(timeout=PATIENCE_S)
    gone = threading.Event()
    one.on_disconnect = lambda _reason: gone.set()
    broker.stop()
    assert gone.wait(PATIENCE_S)
    broker.start()
    assert one.wait_connected(PATIENCE_S)
    sent = []
    one._client.ack = lambda mid, _qos: sent.append(mid)
    old_ack()
    assert sent == []
    one.publish(tx_topic("s", "b"), b"second")
    inbox.get()
    inbox.acks.get(timeout=PATIENCE_S)()
    assert len(sent) == 1


def test_the_will_is_sent_when_a_client_vanishes_and_not_when_it_says_goodbye(link):
    inbox, watcher = Inbox(), link("watcher")
    watcher.subscribe(status_topic("s", "b"), inbox)
    watcher.start()
    assert watcher.wait_connected(PATIENCE_S)
    polite = link("polite", will=(status_topic("s", "b"), b"polite is gone"))
    polite.start()
    assert polite.wait_connected(PATIENCE_S)
    polite.stop()
    rude = link("rude", will=(status_topic("s", "b"), b"rude is gone"))
    rude.start()
    assert rude.wait_connected(PATIENCE_S)
    rude._client.socket().shutdown(2)
    assert inbox.get() == (status_topic("s", "b"), b"rude is gone")
