"""The bridge as it runs: boards on ptys, Mosquitto, and a gateway that judges by the ledger's rules."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from board_peer import Board, PtyBoard
from bridge_site import (
    AUTHORITY,
    BRIDGE,
    BRIDGE_KEY,
    GATEWAY_KEY,
    SITE,
    GatewayPeer,
    Ledger,
    sample,
    troubles,
    view_of,
)
from patience import PATIENCE_S, until
from qcot.boards.enroll import enroll
from qcot.bridge.store import Store
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.ledger import receipts, transactions
from qcot.ledger.receipts import Answer, Status
from qcot.link.frames import MacKey, seal, wire
from qcot.link.messages import Hello, Readings
from qcot.mqtt import MqttLink, status_topic
from small_disk import fill
from trust_site import FROM, TO


def arrives(gateway, board, epoch=None):
    """Wait until the gateway has every reading of the board, exactly as sampled."""
    wanted = board.board.history[epoch or board.board.epoch]
    until(lambda: len(gateway.readings(board.board, epoch)) >= len(wanted), "the readings")
    assert gateway.readings(board.board, epoch) == wanted


def online(bridge, name="a"):
    return until(lambda: (view := view_of(bridge, name)) and view.online and view, f"board {name}")


def test_every_reading_of_two_boards_reaches_the_gateway_once_and_in_order(home, gateway, running):
    boards = [home.board("a"), home.board("b")]
    bridge = running(home.config(gateway_broker(gateway)))
    for _ in range(20):
        for board in boards:
            sample(board, 10)
        time.sleep(0.02)
    for board in boards:
        arrives(gateway, board)
        until(lambda board=board: board.board.base == 200, "acknowledgements")
    assert gateway.ledger.opened[0] in [(board.board.device, 2) for board in boards]
    view = until(lambda: (v := bridge.snapshot()).accepted_readings == 400 and v, "receipts")
    assert (view.connected, view.outbox, view.pending, view.refused) == (True, 0, 0, 0)
    assert {each.device for each in view.boards} == {board.board.device.hex() for board in boards}
    assert troubles(bridge) == set()
    assert {answer.status for answer in gateway.verdicts} == {Status.ACCEPTED}


def gateway_broker(gateway):
    """The broker that this gateway is on."""
    host, port = gateway._link._address

    class Where:
        pass

    where = Where()
    where.host, where.port = host, port
    return where


def test_the_wished_rates_are_set_when_a_session_opens_and_a_wrong_name_is_told(home, gateway, running):
    board = home.board()
    rates = {"*": {"A0": 50.0, "A1": 10.0, "B7": 1.0}, board.board.device.hex(): {"A1": 0.5}}
    bridge = running(home.config(gateway_broker(gateway), rates=rates))
    until(lambda: board.board.rates == {0: 50_000, 1: 500}, "the rates")
    until(lambda: "unknown-channel" in troubles(bridge), "the trouble")


def test_a_rate_that_the_board_refuses_is_told(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway), rates={"*": {"A0": 500.0, "A1": 1.0}}))
    until(lambda: board.board.rates == {1: 1000}, "the good rate")
    until(lambda: "command-refused" in troubles(bridge), "the trouble")
    assert "bad-rate" in next(each.reason for each in bridge.snapshot().troubles if each.name == "command-refused")


def test_a_board_with_other_firmware_than_it_was_enrolled_with_is_served_and_told(home, gateway, running):
    board = home.board()
    board.board.image = bytes(32)
    bridge = running(home.config(gateway_broker(gateway)))
    sample(board, 20)
    arrives(gateway, board)
    until(lambda: "image-changed" in troubles(bridge), "the trouble")


def test_a_board_with_a_damaged_identity_is_named_and_not_served(home, gateway, running):
    board = home.board()
    board.board.damaged = True
    bridge = running(home.config(gateway_broker(gateway)))
    until(lambda: "identity-damaged" in troubles(bridge), "the trouble")
    assert not view_of(bridge).online


def test_a_board_that_is_not_enrolled_is_named_and_served_once_it_is(home, gateway, running):
    board = home.blank()
    bridge = running(home.config(gateway_broker(gateway)))
    until(lambda: "board-unenrolled" in troubles(bridge), "the trouble")
    assert "board-unenrolled" in view_of(bridge).reason
    enroll(board.path, home.registry, window=PATIENCE_S)
    until(lambda: "board-not-certified" in troubles(bridge), "the trouble")
    home.certify_board(board.board.device)
    sample(board, 30)
    online(bridge)
    arrives(gateway, board)


def test_a_board_that_is_certified_for_another_bridge_is_named_and_served_once_it_is_certified_here(
    home, gateway, running
):
    board = home.board()
    device, key = board.board.device, home.registry.key(board.board.device)
    home.certify(f"boards/{device.hex()}", AUTHORITY.board(device, key, bridge="other"))
    bridge = running(home.config(gateway_broker(gateway)))
    until(lambda: "board-of-another-bridge" in troubles(bridge), "the trouble")
    assert "certified for bridge other" in view_of(bridge).reason
    home.certify(f"boards/{device.hex()}", AUTHORITY.board(device, key, bridge="bridge"))
    sample(board, 30)
    online(bridge)
    arrives(gateway, board)


def certified(home, board, begins, ends):
    device, key = board.board.device, home.registry.key(board.board.device)
    home.certify(f"boards/{device.hex()}", AUTHORITY.board(device, key, span=(begins, ends)))


@pytest.mark.parametrize(
    ("begins", "ends", "name"),
    [(FROM, FROM + 1, "board-certificate-expired"), (TO - 1, TO, "board-certificate-not-yet-valid")],
)
def test_a_board_whose_certificate_does_not_hold_keeps_its_readings_until_it_is_renewed(
    home, gateway, running, begins, ends, name
):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    sample(board, 20)
    arrives(gateway, board)
    until(lambda: board.board.base == 20, "acknowledgements")
    certified(home, board, begins, ends)
    until(lambda: (view := view_of(bridge)) and not view.online and name in view.reason, "the session's end")
    assert name in troubles(bridge)
    sample(board, 20)
    until(lambda: times(bridge, name) > 2, "HELLO to be refused again")
    assert (board.board.base, len(gateway.readings(board.board))) == (20, 20)
    home.certify_board(board.board.device)  # while both run
    arrives(gateway, board)
    assert board.board.epoch == 2  # nobody has reset it
    assert len(gateway.readings(board.board)) == 40
    assert bridge.snapshot().refused <= 1  # the statement that was expired


def times(bridge, name):
    return next((each.times for each in bridge.snapshot().troubles if each.name == name), 0)


def test_what_is_judged_after_a_boards_certificate_ended_comes_after_its_renewal_and_holds_up_no_other(
    home, gateway, running
):
    ended, other = home.board("a"), home.board("b")
    day = 86_400
    certified(home, ended, FROM, int(time.time()) + day)
    bridge = running(home.config(gateway_broker(gateway)))
    for board in (ended, other):
        sample(board, 20)
        arrives(gateway, board)
    with gateway.lock:
        gateway.ledger.ahead_s = 2 * day  # as if the readings had waited in the outbox
    for _ in range(5):
        sample(ended, 10)
        sample(other, 10)
        time.sleep(0.05)
    arrives(gateway, other)
    until(lambda: "board-set-aside" in troubles(bridge), "the trouble")
    sample(other, 10)
    arrives(gateway, other)
    assert len(gateway.readings(ended.board)) == 20
    home.certify_board(ended.board.device)
    arrives(gateway, ended)
    sample(ended, 10)
    arrives(gateway, ended)
    assert (ended.board.epoch, other.board.epoch) == (2, 2)
    until(lambda: (view := bridge.snapshot()).outbox == 0 and view.refused == 0, "all to be taken")


def test_a_board_of_another_home_is_named_and_not_served(home, gateway, running):
    home.blank("stranger", device=os.urandom(8), key=os.urandom(32))
    bridge = running(home.config(gateway_broker(gateway)))
    until(lambda: "board-unknown" in troubles(bridge), "the trouble")
    assert not view_of(bridge, "stranger").online


def test_a_key_that_others_can_read_is_not_used_and_named(home, gateway, running):
    board = home.board()
    home.registry.key_path(board.board.device).chmod(0o644)
    bridge = running(home.config(gateway_broker(gateway)))
    until(lambda: "key-file-mode" in troubles(bridge), "the trouble")
    assert not view_of(bridge).online


def test_the_second_of_two_boards_with_one_id_is_refused_by_name(home, gateway, running):
    first = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    home.boards.append(PtyBoard(Board(device=first.board.device, key=first.board.key), home.ports / "twin"))
    until(lambda: "duplicate-device" in troubles(bridge), "the trouble")
    assert not view_of(bridge, "twin").online
    sample(first, 50)
    arrives(gateway, first)


def test_a_board_that_moves_to_another_port_is_served_there(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    sample(board, 20)
    arrives(gateway, board)
    board.unplug()
    moved = PtyBoard(board.board, home.ports / "z")
    home.boards[:] = [moved]
    moved.reset()
    sample(moved, 20)
    online(bridge, "z")
    arrives(gateway, moved)
    assert not view_of(bridge, "a").online


def test_a_port_that_vanishes_and_comes_back_loses_nothing(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    for _ in range(3):
        online(bridge)
        sample(board, 30)
        board.unplug()
        until(lambda: not view_of(bridge).online, "offline")
        assert "port-" in view_of(bridge).reason
        sample(board, 30)
        board.plug()
    online(bridge)
    arrives(gateway, board)
    assert board.board.epoch == 2


def test_a_board_reset_in_mid_frame_begins_a_new_chain_and_only_what_it_forgot_is_missing(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    sample(board, 50)
    until(lambda: board.board.base == 50, "acknowledgements")
    board.reset(half=b"\x05\x02\x01\x17\x33")
    sample(board, 50)
    arrives(gateway, board, 3)
    assert gateway.readings(board.board, 2) == board.board.history[2]
    view = until(lambda: (v := view_of(bridge)).epoch == 3 and v, "the new boot")
    assert view.counters.noise == 1


def test_noise_forged_and_replayed_frames_are_counted_by_name_and_harm_nothing(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    sample(board, 20)
    arrives(gateway, board)
    forged = wire(seal(Readings.TYPE, Readings(20, bytes(9), bytes(32)).encode(), 999, MacKey(b"not the key")))
    with board.lock:
        old = board.board.auth(Readings(0, bytes(9), bytes(32)))
        board.send(old + b"\x01\x02\x03\0" + b"\x77" * 700 + b"\0" + forged + old)
    hello = Hello(0, bytes(8), 1, bytes(16), (1, 0, 0), bytes(32), 1, "liar")
    board.send(wire(seal(Hello.TYPE, hello.encode())))
    until(lambda: view_of(bridge).counters.replayed, "counters")
    counters = view_of(bridge).counters
    assert (counters.noise, counters.forged, counters.replayed) == (2, 1, 1)
    until(lambda: {"forged", "replayed", "board-unenrolled"} <= troubles(bridge), "troubles")
    sample(board, 20)
    arrives(gateway, board)
    assert board.board.epoch == 2


def test_readings_that_break_their_chain_are_refused_by_name_and_a_reset_mends_it(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    with board.lock:
        sample(board, 10)
        board.board.links[10] = bytes(32)
    until(lambda: "chain-broken" in troubles(bridge), "the trouble")
    assert gateway.readings(board.board) == []
    board.reset()
    sample(board, 10)
    arrives(gateway, board)


def test_with_the_broker_away_boards_are_acknowledged_and_all_of_it_arrives_afterwards(home, broker, running):
    board = home.board()
    bridge = running(home.config(broker))
    online(bridge)
    broker.stop()
    for _ in range(10):
        sample(board, 60)
        time.sleep(0.1)
    until(lambda: board.board.base == 600, "acknowledgements")
    assert bridge.snapshot().outbox > 1
    broker.start()
    with GatewayPeer(broker) as gateway:
        arrives(gateway, board)
        until(lambda: bridge.snapshot().outbox == 0, "receipts")


def test_nothing_is_deleted_without_a_receipt_and_a_bridge_that_starts_again_sends_it_again(home, gateway, running):
    board = home.board()
    gateway.answer = lambda _: None
    bridge = running(home.config(gateway_broker(gateway)))
    sample(board, 30)
    until(lambda: board.board.base == 30, "acknowledgements")
    until(lambda: len(gateway.seen) >= 1 and bridge.snapshot().pending == 0, "transactions")
    bridge.stop()
    sent = list(gateway.seen)
    gateway.answer = gateway.ledger.take
    bridge = running(home.config(gateway_broker(gateway)))
    arrives(gateway, board)
    until(lambda: bridge.snapshot().outbox == 0, "receipts")
    assert set(sent) <= {each.raw for each in gateway.ledger.everything}


def test_a_receipt_that_the_gateway_did_not_sign_deletes_nothing(home, gateway, running):
    board = home.board()
    gateway.key = SigningKey(ML_DSA_44, bytes([9]) * 32)
    bridge = running(home.config(gateway_broker(gateway)))
    sample(board, 14)
    until(lambda: "receipt-refused" in troubles(bridge), "the trouble")
    assert bridge.snapshot().outbox >= 1
    gateway.key = GATEWAY_KEY
    gateway.send([gateway.ledger.take(raw) for raw in gateway.seen])
    until(lambda: bridge.snapshot().outbox == 0, "receipts")


def test_a_transaction_that_is_refused_for_good_is_kept_aside_with_name_and_reason(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    until(lambda: bridge.snapshot().outbox == 0 and gateway.ledger.accepted, "the enrolment")

    def refuse(raw):
        parsed = transactions.parse(raw)
        return Answer(parsed.hash, parsed.sequence, Status.REFUSED, None, "policy-unknown", "no such policy")

    gateway.answer = refuse
    sample(board, 14)
    until(lambda: bridge.snapshot().refused == 1, "the refusal")
    (told,) = [each for each in bridge.snapshot().troubles if each.name == "transaction-refused"]
    assert "policy-unknown: no such policy" in told.reason
    bridge.stop()
    store = Store(home.config(gateway_broker(gateway)).outbox, SITE, BRIDGE)
    ((sequence, refusal),) = store.refused()
    assert (sequence, refusal.name, refusal.reason) == (
        gateway.verdicts[-1].sequence,
        "policy-unknown",
        "no such policy",
    )
    store.close()


def test_a_gateway_with_another_key_of_this_bridge_is_told_and_gets_all_once_it_has_the_right_one(
    home, gateway, running
):
    board = home.board()
    later = threading.Event()

    def answer(raw):
        parsed = transactions.parse(raw)
        if not later.is_set():
            return Answer(parsed.hash, parsed.sequence, Status.LATER, None, "bad-signature", "another key")
        return gateway.ledger.take(raw)

    gateway.answer = answer
    bridge = running(home.config(gateway_broker(gateway)))
    for _ in range(5):
        sample(board, 30)
        time.sleep(0.1)
    until(lambda: len(gateway.seen) > 1, "transactions")
    told = until(lambda: [t for t in bridge.snapshot().troubles if t.name == "transactions-held-up"], "the trouble")
    assert told[0].reason == "bad-signature: another key"
    later.set()
    arrives(gateway, board)
    until(lambda: bridge.snapshot().outbox == 0, "receipts")
    assert bridge.snapshot().refused == 0


def test_a_gateway_that_wants_what_it_had_before_is_named(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    until(lambda: gateway.ledger.opened and bridge.snapshot().outbox == 0, "the enrolment")
    gateway.ledger = Ledger()
    gateway.answer = gateway.ledger.take
    sample(board, 14)
    until(lambda: "gateway-behind" in troubles(bridge), "the trouble")
    assert bridge.snapshot().outbox == 1


def test_a_bridge_that_lost_its_outbox_is_put_right_by_the_gateway_and_a_reset_of_the_board(home, gateway, running):
    board = home.board()
    config = home.config(gateway_broker(gateway))
    bridge = running(config)
    online(bridge)
    sample(board, 40)
    arrives(gateway, board)
    until(lambda: bridge.snapshot().outbox == 0, "receipts")
    bridge.stop()
    for path in config.outbox.parent.iterdir():
        path.rename(path.with_name(path.name + ".aside"))
    bridge = running(config)
    until(lambda: "chain-gap" in troubles(bridge), "the trouble")
    board.reset()
    sample(board, 40)
    arrives(gateway, board)
    until(lambda: bridge.snapshot().outbox == 0, "receipts")
    until(lambda: "outbox-renumbered" in troubles(bridge), "the trouble")
    assert bridge.snapshot().refused == 0


def test_on_a_full_disk_boards_keep_their_readings_and_the_bridge_goes_on_when_there_is_room(
    home, gateway, running, small_disk
):
    board = home.board()
    (home.path / "bridge").symlink_to(small_disk)
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    sample(board, 14)
    arrives(gateway, board)
    gateway.answer = lambda _: None
    ballast = fill(small_disk)
    for _ in range(400):
        sample(board, 14)
        time.sleep(0.005)
        if "disk-full" in troubles(bridge):
            break
    assert "disk-full" in troubles(bridge)
    acknowledged = board.board.base
    time.sleep(0.5)
    assert board.board.base == acknowledged < board.board.head
    ballast.unlink()
    gateway.answer = gateway.ledger.take
    arrives(gateway, board)
    assert board.board.epoch == 2


def test_drain_takes_no_more_and_gives_the_gateway_all_that_was_taken(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    sample(board, 200)
    until(lambda: board.board.base >= 100, "acknowledgements")
    assert bridge.drain(PATIENCE_S)
    taken = board.board.base
    view = bridge.snapshot()
    assert (view.pending, view.outbox) == (0, 0)
    assert gateway.readings(board.board)[:taken] == board.board.sampled[:taken]
    sample(board, 14)
    assert not online_now(bridge)


def online_now(bridge):
    return any(each.online for each in bridge.snapshot().boards)


def test_drain_without_a_gateway_gives_up_in_time_and_keeps_everything(home, gateway, running):
    board = home.board()
    gateway.answer = lambda _: None
    bridge = running(home.config(gateway_broker(gateway)))
    sample(board, 14)
    until(lambda: board.board.base == 14, "acknowledgements")
    assert not bridge.drain(0.3)
    assert bridge.snapshot().outbox >= 1


def test_the_status_is_retained_and_says_what_the_snapshot_says(home, gateway, running):
    board = home.board()
    bridge = running(home.config(gateway_broker(gateway)))
    online(bridge)
    status = Watch(gateway)
    told = until(lambda: (s := status.last) and s["boards"] and s["boards"][0]["online"] and s, "the status")
    assert (told["version"], told["site"], told["bridge"], told["running"]) == (1, SITE, BRIDGE, True)
    (shown,) = told["boards"]
    assert shown["device"] == board.board.device.hex()
    assert shown["counters"]["forged"] == 0
    assert shown["last_seen"] > 1_700_000_000_000
    bridge.stop()
    until(lambda: not status.last["running"], "the end")
    assert [each["online"] for each in status.last["boards"]] == [False]
    status.stop()


class Watch:
    """The newest status on the broker, as somebody who comes later gets it."""

    def __init__(self, gateway):
        self.last = None
        where = gateway_broker(gateway)
        self._link = MqttLink(where.host, where.port, "test-watch", back_off_s=(0.1, 0.3))
        self._link.subscribe(status_topic(SITE, BRIDGE), self._take)
        self._link.start()
        self.stop = self._link.stop

    def _take(self, _topic, payload, ack):
        self.last = json.loads(payload)
        ack()


PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from bridge_site import BRIDGE_KEY, GATEWAY_KEY
from qcot.bridge.config import BridgeConfig, Broker
from qcot.bridge.daemon import Bridge
from qcot.bridge.intake import Limits
home = Path({home!r})
Bridge(BridgeConfig("home", "bridge", "default", home, BRIDGE_KEY, GATEWAY_KEY.public_key,
    Broker("127.0.0.1", {port}), ports=(str(home / "ports" / "*"),), limits=Limits(wait_s=0.05), listen_s=0.0)).run()
"""


def process(home, gateway):
    here = Path(__file__).parent
    program = PROGRAM.format(path=[str(here), str(here.parent)], home=str(home.path), port=gateway_broker(gateway).port)
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)


def test_a_bridge_killed_again_and_again_under_load_loses_and_doubles_nothing(home, gateway):
    boards = [home.board("a"), home.board("b")]
    stop = threading.Event()

    def load():
        while not stop.wait(0.01):
            for board in boards:
                sample(board, 7)

    loader = threading.Thread(target=load)
    loader.start()
    try:
        for kill in range(4):
            bridge = process(home, gateway)
            before = len(gateway.readings(boards[0].board))
            until(lambda before=before: len(gateway.readings(boards[0].board)) > before + 50, "readings")
            time.sleep(0.013 * kill)
            bridge.kill()
            bridge.wait()
    finally:
        stop.set()
        loader.join()
    bridge = process(home, gateway)
    try:
        for board in boards:
            arrives(gateway, board)
            assert board.board.epoch == 2
    finally:
        bridge.terminate()
        assert bridge.wait(PATIENCE_S) == 0
    assert {answer.status for answer in gateway.verdicts} == {Status.ACCEPTED}


def test_a_bridge_that_is_killed_is_shown_as_gone_by_its_last_will(home, gateway):
    home.board()
    status = Watch(gateway)
    bridge = process(home, gateway)
    until(lambda: status.last and status.last["running"], "the status")
    bridge.send_signal(signal.SIGKILL)
    bridge.wait()
    until(lambda: not status.last["running"], "the will")
    assert status.last["boards"] == []
    status.stop()


@pytest.mark.parametrize("junk", [b"", b"\x00", b"{}", os.urandom(300), b"\xd2\x84\x40\xa0\x40\x40"])
def test_junk_on_the_receipt_topic_is_named_and_harms_nothing(home, gateway, running, junk):
    bridge = running(home.config(gateway_broker(gateway)))
    until(lambda: bridge.snapshot().connected, "the broker")
    bridge._loop.call_soon_threadsafe(bridge._receipt, junk, lambda: None)
    other = receipts.build(GATEWAY_KEY, site=SITE, bridge="another", time=1, next_sequence=9, answers=[])
    bridge._loop.call_soon_threadsafe(bridge._receipt, other, lambda: None)
    told = until(lambda: [t for t in bridge.snapshot().troubles if t.name == "receipt-refused"], "the trouble")
    assert until(lambda: "bridge another" in told[0].reason or bridge.snapshot().troubles[0].times == 2, "both")
    assert BRIDGE_KEY.public_key.raw
