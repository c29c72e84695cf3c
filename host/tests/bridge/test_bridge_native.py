"""The bridge against the firmware itself, built for this machine."""

import contextlib

import pyhsslms.pyhsslms as library
import pytest
from bridge_site import Home, Limits
from patience import until
from qcot.boards.emulator import EmulatedBoard
from qcot.bridge import clock, signing
from qcot.bridge.clock import Clocks
from qcot.crypto.lms import checkpoint_message
from qcot.ledger.transactions import CheckpointEntry, FrameEntry
from qcot.link import chain, frames, messages
from qcot.link.chain import FAULT, Fault
from qcot.link.frames import FrameDecoder, wire

BOARDS = 4


@pytest.fixture
def boards(tmp_path):
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(EmulatedBoard.start("native", state_dir=tmp_path / f"board{number}", seed=number))
            for number in range(BOARDS)
        ]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def config(home, broker, boards, **options):
    return home.config(broker, ports=tuple(board.port for board in boards), limits=Limits(), **options)


def in_ledger(gateway, device):
    """All readings of a device, boot after boot."""
    epochs = sorted(epoch for each, epoch in gateway.ledger.readings if each == device)
    return [(channel, value) for epoch in epochs for _, channel, value in gateway.ledger.readings[device, epoch]]


def test_what_the_firmware_sampled_is_in_the_ledger_in_order_across_a_takeover(
    home, boards, gateway, mosquitto, running
):
    devices = [home.enroll(board.port) for board in boards]
    bridge = running(config(home, mosquitto, boards, rates={"*": {"A0": 100.0}}))
    until(lambda: bridge.snapshot().accepted_readings > 400, "readings")
    bridge.stop()  # as good as killed to the boards: they are in mid-session
    bridge = running(config(home, mosquitto, boards))
    until(lambda: bridge.snapshot().accepted_readings > 400, "readings")
    assert bridge.drain(20)
    for board, device in zip(boards, devices, strict=True):
        taken = in_ledger(gateway, device)
        sampled = [(each.channel, each.value) for each in board.adc_log() if each.channel == 0]
        only = [each for each in taken if each[0] == 0]
        assert len(only) > 100
        assert only == sampled[: len(only)]
    for view in bridge.snapshot().boards:
        counters = view.counters
        assert (counters.noise, counters.forged, counters.replayed, counters.malformed) == (0, 0, 0, 0)
        assert (view.lost, view.board_noise, view.board_forged, view.board_replayed) == (0, 0, 0, 0)


def test_a_board_whose_power_is_cut_again_and_again_goes_on_in_new_chains(home, boards, gateway, mosquitto, running):
    board = boards[0]
    device = home.enroll(board.port)
    bridge = running(config(home, mosquitto, [board], rates={"*": {"A0": 200.0}}))
    for boot in range(1, 4):
        until(lambda boot=boot: len(gateway.ledger.opened) >= boot, "the session")
        before = bridge.snapshot().accepted_readings
        until(lambda before=before: bridge.snapshot().accepted_readings > before + 100, "readings")
        board.power_cycle()
    until(lambda: len(gateway.ledger.opened) >= 4, "the last session")
    epochs = [epoch for _, epoch in gateway.ledger.opened]
    assert epochs == sorted(set(epochs))
    assert bridge.snapshot().refused == 0
    assert {each for each, _ in gateway.ledger.opened} == {device}


@pytest.fixture
def observed(monkeypatch):
    """What clocks are fitted to: a board's time, and whether the host's is that of a look at it."""
    looked, heard = set(), []
    look, observe = clock.look, Clocks.observe

    def looks():
        looked.add(found := look())
        return found

    def observes(self, device, epoch, board_ms, at, *rest):
        heard.append((board_ms, at in looked))
        return observe(self, device, epoch, board_ms, at, *rest)

    monkeypatch.setattr(clock, "look", looks)
    monkeypatch.setattr(Clocks, "observe", observes)
    return heard


def test_frames_reach_the_ledger_with_the_clock_that_was_fitted_to_their_boards(
    home, boards, gateway, mosquitto, running, observed
):
    home.enroll(boards[0].port)
    running(config(home, mosquitto, boards[:1], rates={"*": {"A0": 20.0}}))

    def clocked():
        entries = [entry for each in list(gateway.ledger.accepted) for entry in each.entries]
        return [each for each in entries if isinstance(each, FrameEntry) and each.clock is not None]

    for each in until(clocked, "a clock"):
        records = messages.decode(frames.parse(each.frame)).records
        assert (clock.sent_ms(records), True) in observed
        first, last = chain.span(records)
        sampled_ms = each.clock.at(last, first) / 1000
        assert abs(each.clock.rate) < 2_000_000  # the same crystal as the host's
        assert 0 < each.clock.error < 1_000_000
        assert abs(sampled_ms - each.received) < 60_000


def test_a_board_makes_a_key_and_signs_its_chain_which_the_ledger_takes(home, boards, gateway, mosquitto, running):
    board, ledger = boards[0], gateway.ledger
    device = home.enroll(board.port)
    bridge = running(config(home, mosquitto, [board], rates={"*": {"A0": 200.0}}, checkpoint_every=50))
    until(lambda: (view := bridge.snapshot().boards) and view[0].signer, "the signer")
    signing.request(home.path, device, "generate")
    state = until(lambda: (s := home.registry.signer(device)) and s.proof and s, "the key and its proof")
    home.certify_board(device, lms=state.public)
    until(lambda: len(ledger.signed) >= 3, "three checkpoints")
    leaves = [each.leaf for each in ledger.signed]
    assert leaves == sorted(set(leaves))
    key = library.LmsPublicKey.deserialize(state.public)
    for tx in ledger.accepted:
        for entry in (each for each in tx.entries if isinstance(each, CheckpointEntry)):
            assert key.verify(checkpoint_message(device, entry.epoch, entry.seq, entry.link), entry.signature)
    view = bridge.snapshot()
    assert (view.refused, view.boards[0].lost, view.boards[0].signer.certified) == (0, 0, True)


def test_the_firmware_sends_what_the_decoder_of_this_side_encodes(boards, gateway, mosquitto, home, running):
    """Frames in the ledger are the very bytes of the board: encoding them again gives them back."""
    home.enroll(boards[0].port)
    running(config(home, mosquitto, boards[:1], rates={"*": {"A0": 100.0}}))
    until(lambda: sum(len(each) for each in gateway.ledger.readings.values()) > 30, "readings")
    frames = [entry.frame for tx in gateway.ledger.accepted for entry in tx.entries if hasattr(entry, "frame")]
    assert frames
    for raw in frames:
        assert [each.raw for each in FrameDecoder().feed(b"\0" + wire(raw))] == [raw]


def test_a_sensor_that_fails_is_a_trouble_of_its_channel_and_its_faults_are_in_the_ledger(
    home, gateway, mosquitto, running, tmp_path
):
    spec = "sht31=26214,29491,fault:crc@2"
    with EmulatedBoard.start("native", state_dir=tmp_path / "board", devices=[spec]) as board:
        device = home.enroll(board.port)
        bridge = running(config(home, mosquitto, [board], rates={"*": {"sht31-t": 20.0}}))
        until(lambda: bridge.snapshot().accepted_readings >= 4, "readings")
        bridge.drain(20)
    (trouble,) = [each for each in bridge.snapshot().troubles if each.name == "sensor-failed"]
    assert trouble.where == f"{board.port} sht31-t"
    assert trouble.reason == f"{device.hex()}: checksum"
    number = 7  # of sht31-t, after six inputs and the supply
    assert in_ledger(gateway, device)[:3] == [(number, 26214), (FAULT, Fault.CHECKSUM << 8 | number), (number, 26214)]
