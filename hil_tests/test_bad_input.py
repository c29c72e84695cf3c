"""What a board does with bad input: it answers by a name or stays silent, samples on, and emits no unchained reading.

The last of these is watched in every test here and elsewhere: what a Host hears goes through unchained.Unchained.
"""

import random
import time

import pytest
from qcot.boards.avr import AvrBoard
from qcot.boards.emulator import wait_for
from qcot.boards.enroll import enroll
from qcot.link.cobs import encode as cobs_encode
from qcot.link.events import SawResult, SawSigner
from qcot.link.frames import MacKey, seal, wire
from qcot.link.messages import Code, Configure
from qcot.link.signer import AskSigner, Phase, Sign, WantLeaf

A0 = 0


@pytest.fixture
def host(board, registry, connect):
    """A session with a board that samples A0 at 100 Hz."""
    enroll(board.port, registry)
    host = connect()
    host.opened()
    assert host.configure(A0, 100_000).code is Code.OK
    return host


def sealed(host, message):
    """The message under the session's key, with the next counter, behind the session's back."""
    live = host.session._live
    live.sent += 1
    return seal(message.TYPE, message.encode(), live.sent, live.key)


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


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_half_a_command_is_not_obeyed_and_hinders_nothing(host, share):
    whole = wire(sealed(host, Configure(A0, 0)))
    host.write(b"\0" + whole[: int(share * len(whole))])
    goes_on(host)
    assert host.configure(A0, 50_000).code is Code.OK
    goes_on(host)


@pytest.mark.reads_signal
def test_a_flood_of_commands_is_answered_by_names_and_takes_no_sample_away(board, host):
    some = [Configure(99, 1), Configure(A0, 2**32 - 1), Sign(0), WantLeaf(2**32 - 1), AskSigner()]
    for _ in range(20):
        host.write(b"".join(b"\0" + wire(sealed(host, each)) for each in some))
        host.step()
    names = {event.code for event in host.events if isinstance(event, SawResult)}
    assert names & {Code.BAD_CHANNEL, Code.BAD_RATE, Code.NO_KEY}
    assert names <= {Code.OK, Code.BAD_CHANNEL, Code.BAD_RATE, Code.NO_KEY}
    goes_on(host)
    assert host.configure(A0, 0).code is Code.OK
    head = host.status(lambda status: status.base == status.head).head
    host.until(lambda: host.resume.seq == head, "the rest")
    sampled = [each for each in board.adc_log() if each.channel == A0]
    assert len(host.values(A0)) + host.losses() == len(sampled)


def test_what_a_signer_without_a_key_is_asked_is_refused_by_name(host):
    ask = host.session
    ask.ask_signer()
    assert host.next(SawSigner).signer.phase is Phase.NONE
    for command in (
        lambda: ask.want_leaf(0),
        lambda: ask.want_leaf(2**32 - 1),
        lambda: ask.path(0, 0, bytes(24)),
        lambda: ask.path(2**32 - 1, 255, bytes(24)),
        lambda: ask.sign(0),
        lambda: ask.sign(2**32 - 1),
    ):
        command()
        assert host.next(SawResult).code is Code.NO_KEY
    goes_on(host)


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


EEPROM, IDENTITY = 1024, 48
FILLS = {
    "0xff": b"\xff" * EEPROM,
    "zeros": bytes(EEPROM),
    "noise": random.Random(3).randbytes(EEPROM),
}


def fill(board, image):
    """Put ``image`` into the EEPROM of a board, from its end; then it boots."""
    board.power_off()
    file = board.setup.state_dir / "eeprom.bin"
    held = file.read_bytes()
    file.write_bytes(held[: EEPROM - len(image)] + image + held[EEPROM:])
    board.power_on()


@pytest.mark.cuts_power
@pytest.mark.erases
@pytest.mark.parametrize("name", FILLS)
def test_a_board_whose_eeprom_is_garbage_says_so_measures_nothing_and_begins_anew_when_erased(
    board, registry, connect, name
):
    enroll(board.port, registry)
    fill(board, FILLS[name])
    host = connect()
    hello = host.hello()
    assert (hello.enrolled, hello.damaged) == (False, name != "0xff")
    assert host.hello().epoch == hello.epoch  # it goes on saying so
    assert host.chain.readings == 0
    host.close()
    board.press_erase()
    enroll(board.port, registry)
    host = connect()
    host.opened()
    assert host.configure(A0, 100_000).code is Code.OK
    goes_on(host)


@pytest.mark.cuts_power
@pytest.mark.parametrize("name", FILLS)
def test_a_board_that_has_its_identity_alone_left_measures_what_it_is_told_to_and_has_no_key(
    board, registry, connect, name
):
    enroll(board.port, registry)
    fill(board, FILLS[name][IDENTITY:])
    host = connect()
    host.opened()
    host.session.ask_signer()
    assert host.next(SawSigner).signer.phase in (Phase.NONE, Phase.DAMAGED)
    host.session.sign(0)
    assert host.next(SawResult).code in (Code.NO_KEY, Code.KEY_DAMAGED)
    assert host.status().head == 0
    assert host.configure(A0, 100_000).code is Code.OK
    goes_on(host)


@pytest.mark.cuts_power
def test_a_board_whose_power_comes_and_goes_is_the_same_one_in_a_new_epoch(board, registry, connect):
    device = enroll(board.port, registry, rates={"A0": 100.0}).board.device
    host = connect()
    epoch = host.opened().opened.epoch
    host.close()
    chance = random.Random(4)
    for _ in range(8):
        board.power_off()
        if isinstance(board, AvrBoard):
            board.power_on(cut_after_cycles=chance.randrange(1, 8_000_000))
            wait_for(lambda: not board.powered, 60, board.setup.env)
        else:
            board.power_on()
            time.sleep(chance.uniform(0, 0.02))
    board.power_cycle()
    host = connect()
    opened = host.opened()
    assert opened.opened.device == device
    assert opened.opened.epoch > epoch
    goes_on(host)
