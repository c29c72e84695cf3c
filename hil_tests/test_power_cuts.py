"""What a board still keeps when its power goes at any cycle, and when its EEPROM is not what it was.

The boards here are simulated ones whose time the test holds, forked at the cycle of the cut (hil_tests/sweep).
`make sweep` tries 10,000 cuts, these tests 200.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from qcot.boards.avr import AvrBoard
from qcot.boards.build import build
from qcot.boards.emulator import EmulatedBoard
from qcot.boards.stepped import EEPROM_SIZE
from qcot.link.cobs import encode
from qcot.link.frames import HEADER
from qcot.link.signer import Checkpoint, Signature
from sweep.examine import Findings, erase, examine
from sweep.faults import FAULTS, Fault
from sweep.host import Host
from sweep.known import Leaks, ViolationError
from sweep.life import Life, Plan
from sweep.run import ENV, plans_of, sweep

pytestmark = [pytest.mark.cuts_power, pytest.mark.steps]

CUTS = {"uno": 200}
FEW_CUTS = 20
IDENTITY, EPOCHS, SETTINGS = slice(0, 48), slice(48, 144), slice(144, 640)
BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.mark.timeout(900)  # half a minute of a machine that has nothing else to do
def test_200_power_cuts_lose_no_key_mix_no_settings_reuse_no_leaf_and_repeat_no_epoch(env: str) -> None:
    swept = ENV if env == "uno" else env
    account = sweep(plans_of(CUTS.get(env, FEW_CUTS), 1, swept, build(swept).elf, prepared=True))
    assert account.broken == []
    assert account.cuts == CUTS.get(env, FEW_CUTS)
    assert account.torn > account.cuts / 8
    assert sum(account.faults.values()) == account.cuts


@pytest.fixture(scope="module")
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A board that is enrolled, configured twice, booted again, and in session; each test has a fork of it."""
    env = str(request.config.getoption("--board"))
    folder = tmp_path_factory.mktemp("life")
    board = EmulatedBoard.start(env, state_dir=folder, stepped=True, seed=5, powered=False)
    assert isinstance(board, AvrBoard)
    with board, board.stepped() as stepped:
        made = Life(stepped, Plan(env, build(env).elf, 5, 0), lambda: None)
        for stage in (Life.first_boot, Life.enrol, Life.configure, Life.configure, Life.reboot, Life.measure):
            stage(made)
        yield made


def after(life: Life, fault: Fault, seed: int, image: bytes | None = None) -> Findings:
    """Examine a fork of ``life`` that lost its power, with ``fault``, and with ``image`` in its EEPROM."""
    with life.host.board.fork(seed) as fork:
        if image is not None:
            fork.put_eeprom(0, image)
        known, rng = life.host.known.copy(), Random(seed)
        known.leaks.silence()
        fault.make(fork, rng, known.leaks.heard)
        return examine(Host(fork, known, rng), fault)


@pytest.mark.parametrize("seed", range(3))
def test_a_brown_out_in_a_loop_ends_in_the_same_board_with_a_new_epoch(life: Life, seed: int) -> None:
    assert after(life, BY_NAME["brown-out"], seed) == Findings()


@pytest.mark.parametrize("name", ["filled-0xff", "filled-zeros", "filled-noise"])
def test_an_eeprom_of_garbage_is_told_and_an_erased_board_takes_a_new_identity(life: Life, name: str) -> None:
    found = after(life, BY_NAME[name], 1)
    assert found.damage_told == (0 if name == "filled-0xff" else 1)


@pytest.mark.parametrize("at", [0, 20, 41, 42, 48, 53, 145, 400])
def test_a_flipped_bit_is_told_or_healed_and_never_a_wrong_key(life: Life, at: int) -> None:
    image = bytearray(life.host.board.eeprom())
    image[at] ^= 0x10
    found = after(life, replace(BY_NAME["flipped-bit"], make=BY_NAME["cut"].make), 2, bytes(image))
    assert found.damage_told == (at < 42)  # the marker may be anything but blank


@pytest.mark.parametrize("at", [50, 56, 150, 395])
def test_an_eeprom_byte_that_takes_no_write_costs_no_epoch_and_mixes_no_settings(life: Life, at: int) -> None:
    with life.host.board.fork(3) as fork:
        fork.wear(at)
        host = Host(fork, life.host.known.copy(), Random(3))
        for _ in range(3):
            examine(host, BY_NAME["worn-byte"])
            fork.power_off()
            host.restart()


def test_a_worn_identity_is_refused_and_told_not_half_kept(life: Life) -> None:
    with life.host.board.fork(4) as fork:
        host = Host(fork, life.host.known.copy(), Random(4))
        erase(host)
        host.hello()
        fork.wear(9)
        assert not host.enrol()
        host.board.power_off()
        host.restart()
        fork.power_on()
        assert not host.hello().enrolled


# What the sweep must see: boards that forget, made by giving a fork an EEPROM of its past


def stale(life: Life, part: slice, older: bytes) -> bytes:
    image = bytearray(life.host.board.eeprom())
    image[part] = older[part]
    return bytes(image)


@pytest.mark.parametrize(
    ("part", "name"), [(IDENTITY, "key-lost"), (EPOCHS, "epoch-repeated"), (SETTINGS, "settings-mixed")]
)
def test_the_sweep_sees_a_board_that_forgets(life: Life, part: slice, name: str) -> None:
    with pytest.raises(ViolationError) as caught:
        after(life, BY_NAME["cut"], 6, stale(life, part, b"\xff" * EEPROM_SIZE))
    assert caught.value.name == name


def test_the_sweep_sees_a_board_that_stays_silent(life: Life) -> None:
    with life.host.board.fork(7) as fork:
        host = Host(fork, life.host.known.copy(), Random(7))
        fork.power_on()
        host.opened()
        with pytest.raises(ViolationError) as caught:
            host.hello()  # a board in session says no HELLO that nobody asked for
    assert caught.value.name == "silent"


def test_the_sweep_sees_another_identity(life: Life) -> None:
    with life.host.board.fork(8) as fork:
        known = life.host.known.copy()
        known.offered = {bytes(8): bytes(32)}
        with pytest.raises(ViolationError) as caught:
            examine(Host(fork, known, Random(8)), BY_NAME["cut"])
    assert caught.value.name == "wrong-identity"


def test_the_sweep_sees_a_leaf_in_a_frame_that_was_cut_short() -> None:
    leaks = Leaks()
    frames = [
        HEADER.pack(kind.TYPE, 1, 7) + leaf.to_bytes(4, "little") for kind, leaf in ((Signature, 3), (Checkpoint, 5))
    ]
    leaks.heard(encode(frames[0] + bytes(range(60)))[:11])
    assert leaks.highest == 3
    leaks.silence()
    leaks.heard(encode(frames[1] + b"x")[:10])
    assert leaks.highest == 3  # the leaf's last byte had not left
    leaks.silence()
    leaks.heard(encode(frames[1] + b"x"))
    assert leaks.highest == 5


def test_the_same_plan_is_the_same_life_to_the_cycle(env: str) -> None:
    plan = Plan(env, build(env).elf, 11, 6)
    accounts = [sweep([plan]) for _ in range(2)]
    assert accounts[0].record() == accounts[1].record()
    assert accounts[0].cuts == 6
