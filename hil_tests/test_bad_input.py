"""What a board does with a line that lies: it counts, says so, and samples on."""

import random

import pytest
from qcot.boards.enroll import enroll
from qcot.link.cobs import encode as cobs_encode
from qcot.link.events import SawResult
from qcot.link.frames import MacKey, seal
from qcot.link.messages import Code, Configure

A0 = 0


@pytest.fixture
def host(board, registry, connect):
    """A session with a board that samples A0 at 100 Hz."""
    enroll(board.port, registry)
    host = connect()
    host.opened()
    assert host.configure(A0, 100_000).code is Code.OK
    return host


def goes_on(host):
    """Readings come, the chain is whole."""
    before = len(host.values(A0))
    host.until(lambda: len(host.values(A0)) >= before + 20, "readings after the bad input")
    seqs = [r.seq for event in host.took for r in event.readings.readings()]
    assert seqs == list(range(len(seqs)))


BAD_FRAMES = {
    "noise": bytes(random.Random(1).randrange(1, 256) for _ in range(100)) + b"\0",
    "truncated": cobs_encode(seal(0x41, b""))[:-4] + b"\0",
    "overlong": bytes([1]) * 1000 + b"\0",
    "wrong-crc": cobs_encode(seal(0x41, b"")[:-1] + b"\x55") + b"\0",
    "too-short": cobs_encode(b"\x41\0\0") + b"\0",
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_noise_is_counted_and_the_next_frame_is_understood(host, name):
    before = host.status().noise
    for _ in range(3):
        host.write(b"\0" + BAD_FRAMES[name])
        host.step()
    after = host.status(lambda status: status.noise > before)
    assert after.noise >= before + 1
    assert (after.forged, after.replayed) == (0, 0)
    assert host.configure(A0, 50_000).code is Code.OK
    goes_on(host)


def test_a_command_with_a_wrong_mac_is_counted_as_forged_and_not_obeyed(host):
    host.send(seal(Configure.TYPE, Configure(A0, 0).encode(), 1000, MacKey(bytes(32))))
    assert host.status(lambda status: status.forged > 0).forged == 1
    goes_on(host)


def test_a_command_without_a_mac_is_counted_as_forged_and_not_obeyed(host):
    host.send(seal(Configure.TYPE, Configure(A0, 0).encode()))
    assert host.status(lambda status: status.forged > 0).forged == 1
    goes_on(host)


def test_a_replayed_command_is_refused(host):
    assert host.configure(A0, 50_000).code is Code.OK
    replay = next(sent for sent in reversed(host.sent) if len(sent) > 20)
    configure = host.sent[max(i for i, sent in enumerate(host.sent) if len(sent) == len(replay))]
    assert host.configure(A0, 100_000).code is Code.OK
    host.write(b"\0" + configure)
    assert host.status(lambda status: status.replayed > 0).replayed == 1
    goes_on(host)


def test_a_command_that_does_not_exist_is_answered_by_its_name(host):
    session = host.session
    key = session._live.key
    session._live.sent += 1
    host.send(seal(0x7E, b"", session._live.sent, key))
    assert host.next(SawResult).code is Code.UNKNOWN_COMMAND
    session._live.sent += 1
    host.send(seal(Configure.TYPE, b"\0", session._live.sent, key))
    assert host.next(SawResult).code is Code.BAD_LENGTH
    goes_on(host)


def test_a_flood_of_garbage_does_not_stop_the_sampling(host):
    noise = random.Random(2)
    for _ in range(200):
        host.write(noise.randbytes(64))
        host.step()
    host.write(b"\0")
    goes_on(host)
    assert host.session.counters.noise == 0


@pytest.mark.cuts_power
@pytest.mark.resets_in_place
def test_a_reset_in_mid_frame_is_noise_to_the_host_and_a_new_epoch(board, host):
    goes_on(host)
    epoch = host.resume.epoch
    host.write(b"\x07half a frame")
    board.reset()
    again = host.opened()
    assert again.opened.epoch > epoch
    assert again.position.seq == 0
    host.took = [each for each in host.took if each.position.epoch == again.opened.epoch]
    goes_on(host)
