"""Each key once: across threads, processes, SIGKILL between any two writes; nothing of a used key stays on disk."""

import contextlib
import multiprocessing
import os
import random
import signal
import sqlite3
import stat
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.quantum.qkd import Key, KeySource, KeyStore, MemoryKeys
from qcot.quantum.qkd import store as store_module

CONTEXT = multiprocessing.get_context("fork")
Source = KeyStore | MemoryKeys


def make_keys(count: int, seed: int = 1) -> list[Key]:
    draw = random.Random(seed)
    return [Key(uuid.UUID(int=draw.getrandbits(128), version=4), draw.randbytes(32)) for _ in range(count)]


def name_of(act: Callable[[], object]) -> str:
    with pytest.raises(QcotError) as caught:
        act()
    return caught.value.problem.name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "alice.sqlite"


@pytest.fixture(params=["disk", "memory"])
def source(request: pytest.FixtureRequest, path: Path) -> Iterator[Source]:
    if request.param == "memory":
        yield MemoryKeys()
    else:
        with KeyStore(path) as store:
            yield store


def test_keys_come_oldest_first_and_once(source: Source) -> None:
    keys = make_keys(5)
    source.add(keys)
    assert source.available() == 5
    assert [source.take() for _ in range(5)] == keys
    assert source.available() == 0
    assert name_of(source.take) == "key-exhausted"


def test_the_other_end_takes_the_same_key_by_its_id_once(source: Source) -> None:
    keys = make_keys(3)
    source.add(keys)
    assert source.take_by_id(keys[1].id) == keys[1]
    assert name_of(lambda: source.take_by_id(keys[1].id)) == "key-used"
    assert name_of(lambda: source.take_by_id(uuid.UUID(int=1))) == "key-unknown"
    assert [source.take(), source.take()] == [keys[0], keys[2]]
    assert name_of(lambda: source.take_by_id(keys[0].id)) == "key-used"


def test_an_id_is_never_used_for_a_second_key(source: Source) -> None:
    first, second, third = make_keys(3)
    source.add([first, second])
    source.take()
    for again in (first, second):
        assert name_of(lambda again=again: source.add([third, Key(again.id, bytes(32))])) == "key-known"
    assert name_of(lambda: source.add([third, third])) == "key-known"
    assert source.available() == 1
    source.add([third])
    assert [source.take(), source.take()] == [second, third]


@settings(max_examples=15)
@given(st.lists(st.integers(-1, 9), max_size=14))
def test_disk_and_memory_do_the_same(steps: list[int]) -> None:
    """-1 takes the oldest, another number the key of that place; the last two were never added."""
    keys = make_keys(10)

    def act(source: KeySource, step: int) -> Key | str:
        try:
            return source.take() if step < 0 else source.take_by_id(keys[step].id)
        except QcotError as error:
            return error.problem.name

    tmp = Path(os.environ.get("TMPDIR", "/tmp")) / f"qkd-{uuid.uuid4().hex}"
    try:
        with KeyStore(tmp / "k") as disk:
            memory = MemoryKeys(keys[:8])
            disk.add(keys[:8])
            for step in steps:
                assert act(disk, step) == act(memory, step)
            assert disk.available() == memory.available()
    finally:
        (tmp / "k").unlink()
        tmp.rmdir()


def test_the_file_is_its_owners_alone_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with KeyStore(path) as store:
            store.add(make_keys(3))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_store_that_others_reach_is_refused(path: Path) -> None:
    KeyStore(path).close()
    for mode in (0o640, 0o604, 0o620, 0o601):
        path.chmod(mode)
        assert name_of(lambda: KeyStore(path)) == "key-store-open-to-others"
    path.chmod(0o600)
    for mode in (0o770, 0o702, 0o1777):
        path.parent.chmod(mode)
        assert name_of(lambda: KeyStore(path)) == "key-store-open-to-others"
    path.parent.chmod(0o755)
    KeyStore(path).close()


def test_a_store_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KeyStore(path).close()
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert name_of(lambda: KeyStore(path)) == "key-store-open-to-others"


def test_a_journal_that_another_user_laid_beside_it_is_never_played_back(path: Path) -> None:
    """In a folder like /tmp, the journal of a store of his own would put a key that he knows into ours."""
    mine, his = make_keys(2)
    with KeyStore(path.with_name("his")) as other:
        other.add([his])
        other._db.execute("PRAGMA cache_size = 1")
        other._db.execute("BEGIN IMMEDIATE")
        other._db.execute("UPDATE key SET used = 1")
        other._db.execute("CREATE TABLE junk (x)")
        other._db.executemany("INSERT INTO junk VALUES (?)", [(bytes(3000),)] * 50)
        journal = path.with_name("his-journal").read_bytes()
        other._db.execute("ROLLBACK")
    assert journal.startswith(bytes.fromhex("d9d505f920a163d7"))  # played back where it is found
    with KeyStore(path) as store:
        store.add([mine])
    path.parent.chmod(0o1777)
    path.with_name(f"{path.name}-journal").write_bytes(journal)
    assert name_of(lambda: KeyStore(path)) == "key-store-open-to-others"


def test_a_second_name_is_refused_and_one_left_by_a_killed_creation_taken_away(path: Path) -> None:
    with KeyStore(path) as store:
        store.add(make_keys(1))
    draft = path.with_name(f".{path.name}.0123")
    draft.hardlink_to(path)
    with KeyStore(path) as store:
        assert store.available() == 1
    assert not draft.exists()
    path.with_name("copy").hardlink_to(path)
    assert name_of(lambda: KeyStore(path)) == "key-store-damaged"
    assert name_of(lambda: KeyStore(path.with_name("copy"))) == "key-store-damaged"


def test_a_secret_is_in_no_file_once_it_was_taken_and_in_no_text_ever(path: Path) -> None:
    keys = make_keys(800)
    with KeyStore(path) as store:
        store.add(keys[:400])
        store.add(keys[400:])
        random.Random(2).shuffle(keys)
        for key in keys[:120]:
            assert store.take_by_id(key.id) == key
        taken = {store.take() for _ in range(120)} | set(keys[:120])
        written = b"".join(each.read_bytes() for each in path.parent.iterdir())
        assert {key for key in keys if key.secret in written} == set(keys) - taken
    for text in (repr(keys[0]), str(keys[0]), repr(store), repr(MemoryKeys(keys))):
        assert keys[0].secret.hex() not in text
        assert repr(keys[0].secret) not in text


def test_a_key_of_another_size_is_refused() -> None:
    for size in (0, 31, 33):
        assert name_of(lambda size=size: Key(uuid.uuid4(), bytes(size))) == "key-size"


def test_a_missing_store_is_made_only_when_asked(path: Path) -> None:
    assert name_of(lambda: KeyStore(path, create=False)) == "key-store-missing"
    assert not path.exists()
    KeyStore(path).close()
    KeyStore(path, create=False).close()


def test_a_folder_that_cannot_be_made_is_named(path: Path) -> None:
    path.parent.write_text("a file")
    assert name_of(lambda: KeyStore(path / "deeper")) == "key-store-io"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda raw: b"",
    "cut in its header": lambda raw: raw[:50],
    "cut in its pages": lambda raw: raw[: len(raw) // 2],
    "other bytes": lambda raw: bytes(len(raw)),
    "pages overwritten": lambda raw: raw[:4096] + b"\xff" * 4096 + raw[8192:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_named_and_never_taken_for_a_new_one(path: Path, damage: Callable[[bytes], bytes]) -> None:
    with KeyStore(path) as store:
        store.add(make_keys(300))
    path.write_bytes(damage(path.read_bytes()))
    assert name_of(lambda: KeyStore(path)) == "key-store-damaged"


def test_another_database_and_another_kind_of_file_are_no_store(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE key (id)")
    other.close()
    path.chmod(0o600)
    assert name_of(lambda: KeyStore(path)) == "key-store-damaged"
    link = path.with_name("link")
    link.symlink_to(path)
    assert name_of(lambda: KeyStore(link)) == "key-store-damaged"
    assert name_of(lambda: KeyStore(path.parent)) == "key-store-damaged"


def test_a_store_that_another_program_holds_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_BUSY_SECONDS", 0.05)
    with KeyStore(path) as store:
        store.add(make_keys(1))
        with sqlite3.connect(path, isolation_level=None) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            assert name_of(store.take) == "key-store-busy"
            holder.execute("ROLLBACK")
        holder.close()
        assert store.available() == 1


def test_threads_never_get_the_same_key(source: Source) -> None:
    keys = make_keys(120)
    source.add(keys)
    got: list[Key] = []

    def take_all() -> None:
        with contextlib.suppress(QcotError):
            while True:
                got.append(source.take())

    threads = [threading.Thread(target=take_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.id for key in got) == sorted(key.id for key in keys)


def _take_and_tell(path: Path, pipe: int, die_at: int) -> None:
    """Take keys and tell each id; SIGKILL oneself before the `die_at`th statement that may write, if there is one."""
    left = die_at

    def traced(statement: str) -> None:
        nonlocal left
        left -= not statement.startswith(("SELECT", "PRAGMA"))
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with KeyStore(path, create=False) as store:
        store._db.set_trace_callback(traced)
        while True:
            try:
                os.write(pipe, store.take().id.bytes)
            except QcotError:
                return


def _start(path: Path, die_at: int = 0) -> tuple[multiprocessing.process.BaseProcess, int]:
    receiving, sending = os.pipe()
    process = CONTEXT.Process(target=_take_and_tell, args=(path, sending, die_at))
    process.start()
    os.close(sending)
    return process, receiving


def _told(process: multiprocessing.process.BaseProcess, receiving: int) -> list[uuid.UUID]:
    with os.fdopen(receiving, "rb") as pipe:
        raw = pipe.read()
    process.join()
    return [uuid.UUID(bytes=raw[at : at + 16]) for at in range(0, len(raw), 16)]


def test_two_processes_never_get_the_same_key(path: Path) -> None:
    keys = make_keys(100)
    with KeyStore(path) as store:
        store.add(keys)
    told = [_told(*each) for each in [_start(path), _start(path)]]
    assert sorted(told[0] + told[1]) == sorted(key.id for key in keys)


def test_no_key_is_handed_out_twice_when_killed_before_any_write(path: Path) -> None:
    keys = make_keys(60)
    with KeyStore(path) as store:
        store.add(keys)
    told: list[uuid.UUID] = []
    for die_at in range(1, 13):
        process, receiving = _start(path, die_at)
        told += _told(process, receiving)
        assert process.exitcode == -signal.SIGKILL
    told += _told(*_start(path))
    # Each take is BEGIN, UPDATE, COMMIT: killed before any of them, the key is still there for the next.
    assert told == [key.id for key in keys]


def test_no_key_is_handed_out_twice_when_killed_at_any_moment(path: Path) -> None:
    keys = make_keys(400)
    with KeyStore(path) as store:
        store.add(keys)
    draw, kills = random.Random(3), 24
    told: list[uuid.UUID] = []
    for _ in range(kills):
        process, receiving = _start(path)
        seen = os.read(receiving, 16)  # it is at work
        for _ in range(draw.randrange(3000)):
            pass
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        told += [uuid.UUID(bytes=seen), *_told(process, receiving)]
    with KeyStore(path, create=False) as store:
        assert store.available() > 0, "the last was killed too late"
        while store.available():
            told.append(store.take().id)
    assert len(told) == len(set(told)), "an id was handed out twice"
    assert set(told) <= {key.id for key in keys}
    assert len(told) >= len(keys) - kills, "at most the key that was about to be used is lost"
