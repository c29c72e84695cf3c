"""The leaves of a board's key on disk: whatever happens to the file, what is read back was written."""

import errno
import hashlib
import os
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.boards.nodes import KeyName, KeyProof, NodeStore, SignerState, forget_others
from qcot.boards.registry import BoardRegistry
from qcot.errors import QcotError
from qcot.link.signer import Phase

DEVICE = bytes.fromhex("0102030405060708")
SMALL = KeyName(DEVICE, bytes.fromhex("0000000a00000007"), 1, bytes(range(16)))
WIDE = KeyName(DEVICE, bytes.fromhex("0000000600000003"), 2, bytes(16))


def leaf(index, size=24):
    return hashlib.sha256(bytes((index,))).digest()[:size]


@pytest.fixture
def full(tmp_path):
    store = NodeStore(tmp_path, SMALL)
    for index in range(32):
        store.add(index, leaf(index))
    return store


def test_what_was_added_is_there_when_it_is_opened_again(full, tmp_path):
    again = NodeStore(tmp_path, SMALL)
    assert [again.get(index) for index in range(32)] == [leaf(index) for index in range(32)]
    assert again.missing(32) is None
    assert again.damaged == 0
    assert full.path.name == f"{DEVICE.hex()}.1.leaves"


def test_a_leaf_is_on_disk_before_add_returns(tmp_path, monkeypatch):
    store, synced = NodeStore(tmp_path, SMALL), []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (fsync(number), synced.append(os.fstat(number).st_size)))
    store.add(0, leaf(0))
    assert synced == [store.path.stat().st_size]
    store.add(0, leaf(0))  # it is there
    assert len(synced) == 1


@pytest.mark.parametrize("clears", [False, True])
def test_a_file_that_is_written_anew_is_on_disk_before_it_takes_the_name_and_so_is_the_name(
    full, tmp_path, monkeypatch, clears
):
    done = []
    fsync, replaced = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda number: (fsync(number), done.append(Path(f"/proc/self/fd/{number}").readlink()))
    )
    monkeypatch.setattr(os, "replace", lambda *names: (replaced(*names), done.append("replaced")))
    if clears:
        full.clear()
    else:
        NodeStore(tmp_path / "new", SMALL)
    part, named, folder = done
    assert part.suffix == ".part"
    assert named == "replaced"
    assert folder == part.parent


def test_a_leaf_beyond_the_tree_is_no_leaf_however_well_it_is_sealed(full, tmp_path):
    row = (1 << 5).to_bytes(4, "little") + leaf(0)
    with full.path.open("ab") as file:
        file.write(row + zlib.crc32(row).to_bytes(4, "little"))
    again = NodeStore(tmp_path, SMALL)
    assert again.damaged == 1
    assert len(again) == 1 << 5


def test_a_file_that_is_cut_at_any_byte_keeps_every_leaf_before_the_cut(full, tmp_path):
    whole = full.path.read_bytes()
    head, record = len(whole) - 32 * 32, 32
    for size in range(len(whole)):
        full.path.write_bytes(whole[:size])
        found = NodeStore(tmp_path, SMALL)
        kept = max(0, size - head) // record
        assert [found.get(index) for index in range(kept)] == [leaf(index) for index in range(kept)]
        assert found.missing(32) == kept
        assert NodeStore(tmp_path, SMALL).damaged == 0  # it was mended


@given(at=st.integers(0, 38 + 32 * 32 - 1), junk=st.binary(min_size=1, max_size=80))
@settings(max_examples=30, deadline=None)
def test_no_damage_ever_makes_a_leaf_that_was_not_written(tmp_path_factory, at, junk):
    folder = tmp_path_factory.mktemp("nodes")
    store = NodeStore(folder, SMALL)
    store._leaves = {index: leaf(index) for index in range(32)}
    store._write_anew()
    held = bytearray(store.path.read_bytes())
    held[at : at + len(junk)] = junk
    store.path.write_bytes(held)
    found = NodeStore(folder, SMALL)
    assert all(found.get(index) in (None, leaf(index)) for index in range(32))
    assert sum(found.get(index) is None for index in range(32)) <= 5 or at < 38


@given(st.binary(max_size=4000))
@settings(max_examples=40, deadline=None)
def test_any_bytes_in_its_place_are_no_leaves(tmp_path_factory, junk):
    folder = tmp_path_factory.mktemp("nodes")
    (folder / f"{DEVICE.hex()}.1.leaves").write_bytes(junk)
    store = NodeStore(folder, SMALL)
    assert len(store) == 0
    store.add(3, leaf(3))
    assert NodeStore(folder, SMALL).get(3) == leaf(3)


def test_the_leaves_of_another_key_of_the_same_generation_are_not_taken(full, tmp_path):
    other = KeyName(DEVICE, SMALL.types, 1, bytes(16))
    assert len(NodeStore(tmp_path, other)) == 0


def test_a_leaf_that_is_said_anew_replaces_the_old_and_the_file_stays_bounded(full, tmp_path):
    for turn in range(200):
        full.add(5, bytes((turn,)) * 24)
    assert NodeStore(tmp_path, SMALL).get(5) == bytes((199,)) * 24
    assert full.path.stat().st_size <= 38 + 2 * 32 * 32 + 32


def test_a_file_longer_than_any_of_its_kind_is_read_no_further(full, tmp_path):
    with full.path.open("r+b") as file:
        file.truncate(1 << 30)
    found = NodeStore(tmp_path, SMALL)
    assert found.missing(32) is None
    assert found.path.stat().st_size < 4096


def test_of_other_keys_of_the_board_one_stays_beside_a_new_one_until_they_are_forgotten(full, tmp_path):
    other = NodeStore(tmp_path, replace(SMALL, device=bytes(8)))
    for generation in range(2, 40):
        NodeStore(tmp_path, replace(SMALL, generation=generation)).add(0, leaf(0))
        assert len(list(tmp_path.glob(f"{DEVICE.hex()}.*"))) == 2
    beside = {f"{DEVICE.hex()}.{suffix}" for suffix in ("json", "signer")}
    for each in (*beside, f"{DEVICE.hex()}.3.part"):
        (tmp_path / each).touch()
    forget_others(tmp_path, DEVICE, 39)
    assert {each.name for each in tmp_path.iterdir()} == {f"{DEVICE.hex()}.39.leaves", other.path.name, *beside}
    assert NodeStore(tmp_path, replace(SMALL, generation=39)).get(0) == leaf(0)


def test_both_sizes_of_hash_are_kept(tmp_path):
    store = NodeStore(tmp_path, WIDE)
    store.add(1023, leaf(7, 32))
    assert NodeStore(tmp_path, WIDE).get(1023) == leaf(7, 32)
    for index, size in ((1024, 32), (-1, 32), (0, 24)):
        with pytest.raises(ValueError, match="leaf"):
            store.add(index, leaf(0, size))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_disk_that_refuses_is_told_by_name_and_loses_nothing(full, tmp_path, monkeypatch, code):
    def refuse(_number):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        with pytest.raises(QcotError) as caught:
            full.add(3, bytes(24))
    assert caught.value.problem.name == "signer-nodes-io"
    assert full.get(3) == leaf(3)
    assert NodeStore(tmp_path, SMALL).missing(32) is None


proofs = st.none() | st.builds(
    KeyProof, st.integers(0, 99), st.integers(0, 99), st.binary(max_size=32), st.binary(max_size=99)
)


@given(
    st.builds(
        SignerState,
        st.sampled_from(Phase),
        st.integers(0, 65535),
        st.integers(0, 1024),
        st.just(1024),
        st.none() | st.binary(max_size=56),
        proofs,
    )
)
def test_a_state_on_disk_is_read_as_it_was_written(state):
    assert SignerState.from_json(state.to_json().encode()) == state


@given(st.binary(max_size=200))
def test_what_is_no_state_is_a_value_error(junk):
    with pytest.raises(ValueError):  # noqa: PT011  whatever it says
        SignerState.from_json(junk)


def test_a_proof_stays_until_the_key_is_another(tmp_path):
    registry = BoardRegistry(tmp_path)
    proof = KeyProof(1, 2, bytes(32), b"signature")
    registry.keep_signer(DEVICE, SignerState(Phase.READY, 1, 1, 32, b"key", proof))
    registry.keep_signer(DEVICE, SignerState(Phase.READY, 1, 2, 32, b"key"))
    assert registry.signer(DEVICE).proof == proof
    registry.keep_signer(DEVICE, SignerState(Phase.READY, 2, 0, 32, b"another"))
    assert registry.signer(DEVICE).proof is None
