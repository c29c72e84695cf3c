"""What is kept is whole or absent, and its file is for its owner alone."""

import sqlite3

import pytest
from qcot.custody.store import Kept, Store
from qcot.errors import QcotError

KEPT = Kept(b"r" * 16, "ada", 0, b"statement", b"wrapped", b"payload")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records" / "custody.sqlite"


def test_what_was_kept_is_there_when_it_is_opened_again(path):
    with Store(path) as store:
        store.add(KEPT)
        assert store.add_pseudonym("ada", 0, b"k" * 16)
        assert not store.add_pseudonym("ada", 0, b"k" * 16)
        store.serve(b"a" * 32, 1)
    with Store(path) as store:
        assert store.get(KEPT.id) == KEPT
        assert (store.next_number("ada"), store.next_number("eve")) == (1, 0)
        assert (store.holder(b"k" * 16), store.holder(b"x" * 16)) == (("ada", 0), None)
        with pytest.raises(QcotError, match="access-used"):
            store.serve(b"a" * 32, 2)


def test_nobody_else_can_read_it(path):
    with Store(path) as store:
        store.add(KEPT)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_a_record_that_is_elsewhere_is_said_to_be(path):
    with Store(path) as store, pytest.raises(QcotError, match="record-not-here"):
        store.get(bytes(16))


@pytest.mark.parametrize("damage", [b"not a database at all" * 50, None])
def test_a_file_that_is_none_of_ours_is_refused_and_left_alone(path, damage):
    path.parent.mkdir()
    if damage is None:
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA user_version=99")
        other.close()
    else:
        path.write_bytes(damage)
    before = path.read_bytes()
    with pytest.raises(QcotError, match="custody-damaged"):
        Store(path)
    assert path.read_bytes() == before or damage is None  # SQLite may note that it was in WAL mode


def test_a_folder_that_cannot_be_made_is_said_by_name(tmp_path):
    (tmp_path / "records").write_text("")
    with pytest.raises(QcotError, match="custody-io"):
        Store(tmp_path / "records" / "custody.sqlite")


def test_a_full_disk_keeps_nothing_half(small_disk):
    with Store(small_disk / "custody.sqlite") as store:
        big = Kept(b"b" * 16, "ada", 0, b"statement", b"wrapped", bytes(4 << 20))
        with pytest.raises(QcotError, match="custody-io"):
            store.add(big)
        with pytest.raises(QcotError, match="record-not-here"):
            store.get(big.id)
        store.add(KEPT)
        assert store.get(KEPT.id) == KEPT


def test_two_processes_wait_for_one_another(path):
    with Store(path) as store, sqlite3.connect(path, isolation_level=None) as other:
        store._db.execute("PRAGMA busy_timeout=20")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(QcotError, match="custody-busy"):
            store.add(KEPT)
        other.execute("COMMIT")
        store.add(KEPT)
    other.close()
