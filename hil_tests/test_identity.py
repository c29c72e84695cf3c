"""Who a board is: what it says of itself, how it gets its identity, and that it keeps it."""

import hashlib
import subprocess

import pytest
from qcot.boards.build import TARGETS, build
from qcot.boards.enroll import enroll
from qcot.errors import QcotError
from qcot.link import keys
from qcot.link.events import SawHello, SawResult
from qcot.link.frames import seal
from qcot.link.messages import Code, Enrol, Identify

FIRMWARE = (1, 1, 0)
ANALOG = {"uno": 6, "nano": 8, "nano_old": 8, "leonardo": 6, "megaatmega2560": 16, "native": 6}
SENSORS = {"sht31-t": "Cel", "sht31-h": "%RH", "ds18b20": "Cel", "pulses": "count"}
HAS_CHIP = ("uno", "nano", "nano_old")


def test_hello_names_the_model_the_version_and_the_hash_of_the_image(env, board, connect):
    hello = connect().hello()
    assert hello.firmware == FIRMWARE
    if env in TARGETS:
        assert hello.model == env.split("_")[0]  # nano_old is a nano
        assert hello.image == build(env).image
        assert not hello.enrolled


def test_the_image_hash_is_that_of_the_bytes_to_be_flashed(env, tmp_path):
    if env not in TARGETS:
        env = "uno"  # of a real board only its port is known
    built = build(env)
    flashed = built.elf
    if TARGETS[env].mcu:
        flashed = tmp_path / "image.bin"
        subprocess.run(["avr-objcopy", "-O", "binary", "-R", ".eeprom", built.elf, flashed], check=True)
    assert built.image == hashlib.sha256(flashed.read_bytes()).digest()


def test_enrolment_gives_an_identity_that_outlives_a_reset(board, registry, connect):
    found = enroll(board.port, registry)
    assert found.fresh
    host = connect()
    assert host.hello().device == found.board.device
    assert host.opened().opened.device == found.board.device


def test_every_channel_has_a_senml_name_unit_and_scale(env, board, registry):
    channels = enroll(board.port, registry).board.channels
    assert [c.name for c in channels[:6]] == [f"A{n}" for n in range(6)]
    assert all((c.unit, c.num, c.den, c.offset) == ("V", 5, 1024, 0) for c in channels if c.name.startswith("A"))
    units = {c.name: c.unit for c in channels if not c.name.startswith("A")}
    chip = {"chip": "Cel"} if env in HAS_CHIP else {}
    assert units == {"supply": "V", **chip, **SENSORS}
    analog = len(channels) - len(units)
    assert analog == ANALOG.get(env, analog)


def test_a_second_identity_is_refused_whatever_it_holds(board, registry, connect):
    device = enroll(board.port, registry).board.device
    host = connect()
    host.opened()
    host.send(seal(Enrol.TYPE, Enrol(bytes(range(8)), bytes(32), bytes(16)).encode()))
    host.next(SawResult, lambda result: result.code is Code.ALREADY_ENROLLED)
    host.send(seal(Identify.TYPE, b""))
    assert host.hello().device == device


@pytest.mark.erases
@pytest.mark.cuts_power
def test_only_a_physical_erase_makes_room_for_a_new_identity(board, registry, connect):
    first = enroll(board.port, registry).board.device
    board.power_cycle()
    assert enroll(board.port, registry).board.device == first
    board.press_erase()
    found = enroll(board.port, registry)
    assert found.fresh
    assert found.board.device != first


def test_a_wrong_key_opens_no_session(board, registry, connect):
    device = enroll(board.port, registry).board.device
    path = registry.key_path(device)
    right = path.read_bytes()
    path.write_bytes(bytes(32))
    host = connect()
    host.hello()
    host.next(SawHello)  # a second one: the first OPEN was not believed
    assert host.session.device is None
    path.write_bytes(right)
    host.opened()
    assert host.status().forged >= 1


def test_a_board_of_another_home_is_named_and_what_to_do_about_it(board, registry, tmp_path):
    device = enroll(board.port, registry).board.device
    registry.key_path(device).unlink()
    with pytest.raises(QcotError) as caught:
        enroll(board.port, registry)
    assert caught.value.problem.name == "enrolled-elsewhere"
    assert device.hex() in caught.value.reason


def test_the_nonce_of_a_session_never_comes_twice(board, registry, connect):
    enroll(board.port, registry)
    host = connect()
    nonces = set()
    for _ in range(3):
        hello = host.hello()
        nonces.add(hello.nonce)
        host.opened()
        host.send(seal(0x41, b""))
    assert len(nonces) == 3
    assert all(len(nonce) == keys.NONCE_SIZE for nonce in nonces)
