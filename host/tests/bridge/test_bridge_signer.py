"""The signer's state machine against a board."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.boards.nodes import KeyName, NodeStore
from qcot.bridge.making import KeyReady, Making, Progress, Told
from qcot.bridge.signer import SignerDriver
from qcot.crypto.lms import Tree, parameters_of
from qcot.link.commands import Commanding, Commands
from qcot.link.events import SawLeaf, SawResult, SawSigner, Trouble
from qcot.link.frames import FrameDecoder
from qcot.link.messages import Code
from qcot.link.signer import AskSigner, Checkpoint, Leaf, Phase, Sign, Signature, Signer, WantLeaf
from signer_peer import LEAVES, SignerPeer
from signer_site import DEVICE, Site, holds


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture
def ready(tmp_path):
    made = Site(tmp_path, SignerPeer(Phase.READY))
    made.until(lambda: made.of(KeyReady))
    return made


def test_a_key_is_made_leaf_by_leaf_while_readings_go_on(site):
    public = site.make_key()
    assert public == site.signer.public
    assert site.signer.asked == list(range(LEAVES))
    assert [each.done for each in site.of(Progress)] == list(range(1, LEAVES + 1))
    assert site.taken > 0
    assert site.told() == []


def test_nobody_s_board_is_given_a_key_unasked(site):
    site.until(lambda: site.now > 3)
    assert site.driver.resting
    assert site.driver.state.phase is Phase.NONE
    assert site.signer.generation == 0


def test_the_next_leaf_is_asked_for_only_when_the_last_is_on_disk(tmp_path, monkeypatch):
    site = Site(tmp_path)
    add = NodeStore.add

    def watched(store, index, leaf):
        assert site.signer.asked[-1] == index
        add(store, index, leaf)
        assert NodeStore(tmp_path, store.name).get(index) == leaf

    monkeypatch.setattr(NodeStore, "add", watched)
    site.make_key()


def test_a_signature_holds_for_another_implementation_and_says_where_the_chain_stands(ready):
    for leaf in range(3):
        signed = ready.sign()
        assert holds(signed)
        assert signed.public == ready.signer.public
        assert signed.proof.link == ready.board.links[signed.proof.seq]
        assert ready.signer.signed == list(range(leaf + 1))
    assert ready.told() == []


def test_a_reset_in_mid_key_goes_on_where_the_board_stands(site):
    site.driver.want_key()
    site.until(lambda: len(site.signer.asked) == 10)
    site.signer.next -= 1  # what was told was not committed: the power went a moment too soon
    site.reset()
    site.until(lambda: site.of(KeyReady))
    assert sorted(set(site.signer.asked)) == list(range(LEAVES))
    assert holds(site.sign())


def test_a_leaf_that_is_lost_on_the_line_is_asked_for_again(site):
    seen = []
    site.to_host = lambda frame: not (frame.type == Leaf.TYPE and len(seen) < 3 and not seen.append(1))
    site.make_key()
    assert len(seen) == 3
    assert holds(site.sign())


def test_a_signature_of_which_a_part_is_lost_burns_its_leaf_and_the_next_is_used(ready):
    lost = []
    ready.to_host = lambda frame: not (frame.type == Signature.TYPE and not lost and not lost.append(1))
    signed = ready.sign()
    assert holds(signed)
    assert ready.signer.signed == [0, 1]
    assert ready.told() == ["signature-lost"]


def test_a_signature_that_does_not_verify_is_told_and_never_handed_on(ready, monkeypatch):
    bent, decode = [], Signature.decode

    def bend(body):
        if len(bent) < 1:
            bent.append(body)
            body = body[:-1] + bytes((body[-1] ^ 1,))
        return decode(body)

    monkeypatch.setattr(Signature, "decode", bend)
    signed = ready.sign()
    assert bent
    assert holds(signed)
    assert ready.signer.signed == [0, 1]
    assert ready.told() == ["board-signature-bad"]


@pytest.mark.parametrize("kind", ["the end", "all of it", "the checkpoint"])
def test_whatever_is_lost_of_a_signature_no_leaf_signs_twice(ready, kind):
    lost = []

    def bend(frame):
        signing = frame.type in (0x0A, 0x0B)
        hit = signing and (kind != "the end" or frame.body[4:5] == b"\x30") and (kind != "the checkpoint" or not lost)
        if hit and not (kind != "the checkpoint" and ready.signer.signed[-1:] == [1]):
            lost.append(frame)
            return False
        return True

    ready.to_host = bend
    signed = ready.sign()
    assert holds(signed)
    assert ready.signer.signed == [0, 1]
    assert set(ready.told()) <= {"signature-lost", "sign-refused"}


def test_sign_is_never_said_twice_even_if_nothing_answers(ready):
    sent = []
    hear = ready.board.hear
    sign = Sign.TYPE

    def listen(data):
        sent.extend(frame for frame in FrameDecoder().feed(b"\0" + data) if frame.type == sign)
        if not any(frame.type == sign for frame in FrameDecoder().feed(b"\0" + data)):
            hear(data)

    ready.board.hear = listen
    ready.driver.want_signature()
    ready.until(lambda: any(each.ends for each in ready.of(Told)))
    assert len(sent) == 3  # in three attempts, each after asking where the board stands
    assert ready.signer.signed == []
    assert ready.told() == ["sign-refused"] * 3
    assert not ready.driver.wants_signature


def test_a_tree_that_is_used_up_is_told_once_and_a_new_key_can_be_made(ready):
    ready.signer.next = LEAVES - 1
    ready.driver.start()
    assert holds(ready.sign())
    ready.until(ready.told)
    for _ in range(3):
        ready.driver.want_signature()
        ready.until(lambda: ready.driver.resting)
    assert ready.told() == ["signer-exhausted"]
    assert "generation 1" in ready.of(Told)[0].reason
    old = ready.signer.public
    ready.outcomes.clear()
    assert ready.make_key() != old
    assert ready.signer.generation == 2
    assert holds(ready.sign())


def test_lost_and_damaged_leaves_are_had_from_the_board_again(ready):
    (file,) = ready.folder.glob("*.leaves")
    held = bytearray(file.read_bytes())
    held[34 + 3 * 32 + 10] ^= 1
    file.write_bytes(held[:-7])
    ready.signer.asked.clear()
    ready.outcomes.clear()
    ready.reset()
    ready.until(lambda: ready.of(KeyReady))
    assert ready.signer.asked == [3, LEAVES - 1]
    assert ready.told() == ["signer-nodes-damaged"]
    assert holds(ready.sign())


def test_leaves_of_another_key_are_found_out_before_the_board_is_given_a_path(ready):
    other = SignerPeer(Phase.READY)
    store = NodeStore(ready.folder, KeyName(DEVICE, bytes.fromhex("0000000a00000007"), 1, ready.signer.key.I))
    store.add(5, other.leaf(6))
    ready.reset()
    ready.outcomes.clear()
    ready.signer.asked.clear()
    ready.until(lambda: ready.of(KeyReady))
    assert ready.told() == ["signer-nodes-damaged"]
    assert ready.signer.asked == list(range(LEAVES))
    assert ready.signer.signed == []
    assert holds(ready.sign())


def test_a_board_whose_leaves_never_make_its_root_is_left_alone(ready):
    ready.signer.leaf = lambda index: bytes([index]) * 24
    ready.driver.rebuild()
    ready.until(lambda: ready.driver.resting)
    assert ready.told() == ["signer-nodes-damaged", "signer-tree-wrong"]
    ready.until(lambda: ready.now > 70)
    assert ready.signer.asked[-LEAVES:] == list(range(LEAVES))


def test_a_busy_board_is_asked_again_a_second_later(ready):
    answer, refused = ready.signer.answer, []

    def busy(command, *rest):
        if isinstance(command, WantLeaf) and len(refused) < 2:
            refused.append(command)
            return Code.BUSY
        return answer(command, *rest)

    ready.signer.answer = busy
    assert holds(ready.sign())
    assert len(refused) == 2
    assert ready.told() == []


def test_a_full_disk_stops_the_making_of_a_key_and_not_the_readings(site, monkeypatch):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        site.driver.want_key()
        site.until(site.told)
        before = site.taken
        site.until(lambda: site.taken > before + 20)
        assert site.told() == ["signer-nodes-io"]
        assert len(site.signer.asked) <= 1
    site.until(lambda: site.of(KeyReady))


def test_a_damaged_key_and_a_missing_one_are_told_by_name(tmp_path):
    site = Site(tmp_path, SignerPeer(Phase.DAMAGED))
    site.until(site.told)
    assert site.told() == ["signer-key-damaged"]
    site = Site(tmp_path)
    site.driver.want_signature()
    site.until(site.told)
    assert site.told() == ["signer-no-key"]


SAID = st.builds(
    Signer, st.sampled_from([0x0A, 0x0B, 5, 0x0E, 0x0F, 0]), st.sampled_from([7, 8, 3, 5, 0]), st.sampled_from(Phase),
    st.integers(0, 2), st.sampled_from([0, 1, 31, 32, 33, 1023, 1024, 1 << 25, (1 << 32) - 1]),
    st.sampled_from([bytes(16), bytes([1]) * 16]), st.sampled_from([bytes(24), bytes(32)]),
)  # fmt: skip


class Line(Commanding):
    def __init__(self):
        self._commands = Commands()


@given(st.lists(SAID, min_size=1, max_size=4), st.booleans())
@settings(max_examples=100, deadline=None)
def test_whatever_a_board_says_of_its_key_its_leaves_are_within_a_tree_and_nothing_fails(said, signs):
    with TemporaryDirectory() as folder:
        line = Line()
        driver = SignerDriver(DEVICE, line, lambda name: NodeStore(Path(folder), name))
        for signer in said:
            driver.start()
            driver.want_key()
            if signs:
                driver.want_signature()
            for _ in range(6):
                if not line._commands.ready:
                    break
                command = line._commands.take(0.0).body
                line._commands._waiting.clear()
                event = SawResult(Code.OK, 0, command, authenticated=True)
                if isinstance(command, AskSigner):
                    event = SawSigner(signer)
                elif isinstance(command, WantLeaf):
                    assert command.index < 1024
                    event = SawLeaf(Leaf(command.index, bytes(len(signer.root))))
                driver.take(event, 0.0)
            state = driver.state
            assert state is None or state.done <= state.total <= 1024


def test_a_trouble_that_is_not_the_signer_s_is_none_of_its_business(ready):
    assert ready.driver.take(Trouble(None, "something else"), 0.0) == []


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 7), st.binary(min_size=1, max_size=40)), max_size=14))
@settings(max_examples=60, deadline=None)
def test_no_parts_but_the_board_s_own_make_a_signature(parts):
    signer = SignerPeer(Phase.READY)
    parameters = parameters_of(0x0A, 0x07)
    tree = Tree(parameters, signer.key.I, [signer.leaf(index) for index in range(LEAVES)])
    making = Making(Checkpoint(0, 1, 2, bytes(32), bytes(24)), parameters)
    for first, count, seed in parts:
        making.take(Signature(0, first, (seed * 200)[: 24 * count]))
    assert len(making.values) <= parameters.chains * 24 or making.broken
    if making.ended and not making.broken:
        assert making.proof(DEVICE, signer.public, tree) is None
