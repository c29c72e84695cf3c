"""Each key once to each end of the pair that it was made for, also when the server is killed."""

import os
import pickle
import shutil
import signal
import sqlite3
import uuid

import pytest
from kme_site import filled, link_keys
from qcot.errors import QcotError
from qcot.kme import delivery
from qcot.kme.api import KeyRequest
from qcot.kme.delivery import Kme


def name_of(call, *arguments):
    with pytest.raises(QcotError) as raised:
        call(*arguments)
    return raised.value.problem.name


def test_both_ends_get_the_same_keys_once(kme):
    given = kme.issue("a", "b", KeyRequest(3))
    ids = [key.id for key in given]
    assert len({key.secret for key in given}) == 3
    assert kme.collect("a", "b", ids) == given
    assert name_of(kme.collect, "a", "b", ids) == "kme-no-such-key"
    assert kme.stored() == 13


def test_a_key_is_for_its_pair_alone_and_asking_for_it_costs_the_pair_nothing(kme):
    (key,) = kme.issue("a", "b", KeyRequest())
    for master, slave in (("a", "c"), ("c", "b"), ("b", "a")):
        assert name_of(kme.collect, master, slave, [key.id]) == "kme-not-yours"
    assert kme.collect("a", "b", [key.id]) == [key]


def test_several_ids_give_all_their_keys_or_none(kme):
    (mine,) = kme.issue("a", "b", KeyRequest())
    (other,) = kme.issue("a", "c", KeyRequest())
    assert name_of(kme.collect, "a", "b", [mine.id, uuid.uuid4()]) == "kme-no-such-key"
    assert name_of(kme.collect, "a", "b", [mine.id, other.id]) == "kme-not-yours"
    assert kme.collect("a", "b", [mine.id]) == [mine]


@pytest.mark.parametrize(("bits", "whole"), [(64, 1), (248, 1), (256, 1), (264, 2), (1024, 4)])
def test_other_sizes_are_whole_keys_joined_and_cut(tmp_path, bits, whole):
    keys = link_keys(8)
    with Kme(tmp_path, capacity=8) as kme:
        kme.fill(keys)
        first, second = kme.issue("a", "b", KeyRequest(2, bits))
        joined = b"".join(key.secret for key in keys[:whole])
        assert first.secret == joined[: bits // 8]
        assert kme.stored() == 8 - 2 * whole
        assert kme.collect("a", "b", [second.id, first.id]) == [second, first]


def test_too_few_keys_are_none_given(tmp_path):
    with filled(tmp_path, 3) as kme:
        assert name_of(kme.issue, "a", "b", KeyRequest(2, 512)) == "kme-exhausted"
        assert kme.stored() == 3


def test_nobody_has_a_key_with_himself(kme):
    assert name_of(kme.issue, "a", "a", KeyRequest()) == "kme-bad-request"


def test_of_keys_that_nobody_collects_the_oldest_are_forgotten_and_other_pairs_keep_theirs(kme, monkeypatch):
    monkeypatch.setattr(delivery, "MAX_UNCOLLECTED", 2)
    (others,) = kme.issue("c", "b", KeyRequest())
    first, second, third = (kme.issue("a", "b", KeyRequest())[0] for _ in range(3))
    assert name_of(kme.collect, "a", "b", [first.id]) == "kme-no-such-key"
    assert kme.collect("a", "b", [second.id, third.id]) == [second, third]
    assert kme.collect("c", "b", [others.id]) == [others]


def test_a_master_that_names_slaves_without_end_fills_no_disk(kme, monkeypatch):
    monkeypatch.setattr(delivery, "MAX_UNCOLLECTED", 2)
    keys = [kme.issue("a", f"b{number}", KeyRequest())[0] for number in range(5)]
    assert name_of(kme.collect, "a", "b2", [keys[2].id]) == "kme-no-such-key"
    assert kme.collect("a", "b4", [keys[4].id]) == [keys[4]]
    assert kme._db.execute("SELECT count(*) FROM delivery").fetchone() == (1,)


def test_used_keys_do_not_make_the_stores_grow(kme):
    for _ in range(3):
        kme.collect("a", "b", [key.id for key in kme.issue("a", "b", KeyRequest(8))])
        kme.fill(link_keys(8))
    for end in (kme._near, kme._far):
        assert end._db.execute("SELECT count(*), sum(used) FROM key").fetchone() == (16, 0)


def test_a_near_or_far_store_of_a_backup_gives_no_two_ends_a_key_again(tmp_path):
    """What is brought back alone no longer fits the rest: one end may get an old key, never both."""
    folder, backup = tmp_path / "kme", tmp_path / "backup"
    for restored in ("near.keys", "far.keys", "deliveries.sqlite"):
        with filled(folder, 2) as kme:
            (given,) = kme.issue("a", "b", KeyRequest())
        shutil.copytree(folder, backup)
        with Kme(folder, capacity=2) as kme:
            kme.collect("a", "b", [given.id])
            (later,) = kme.issue("a", "b", KeyRequest())
            kme.collect("a", "b", [later.id])
        shutil.copy2(backup / restored, folder / restored)
        with Kme(folder, capacity=2) as kme:
            for key_id in (given.id, later.id):
                assert name_of(kme.collect, "a", "b", [key_id]) in {"kme-no-such-key", "key-used", "key-unknown"}
            if kme.stored():
                (again,) = kme.issue("a", "b", KeyRequest())
                assert name_of(kme.collect, "a", "b", [again.id]) == "key-used"
        shutil.rmtree(folder)
        shutil.rmtree(backup)


def test_a_server_that_was_stopped_in_between_still_has_the_slaves_key(tmp_path):
    with filled(tmp_path) as kme:
        given = kme.issue("a", "b", KeyRequest(2))
    with Kme(tmp_path, capacity=1) as kme:
        assert kme.collect("a", "b", [key.id for key in given]) == given


def test_nothing_of_it_can_be_read_by_others_and_no_secret_stays(tmp_path):
    with filled(tmp_path / "kme", 2) as kme:
        given = kme.issue("a", "b", KeyRequest(2))
        kme.collect("a", "b", [key.id for key in given])
    files = list((tmp_path / "kme").iterdir())
    assert len(files) == 3
    assert (tmp_path / "kme").stat().st_mode & 0o077 == 0
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert not any(key.secret in file.read_bytes() for key in given)


def test_a_second_server_on_the_same_folder_is_refused(tmp_path):
    with filled(tmp_path):
        assert name_of(lambda: Kme(tmp_path, capacity=1)) == "kme-state"


def _until_killed(folder, die_at):
    """What master and slave got of four keys from a server that kills itself at its `die_at`th statement."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:  # nothing of the parent's is used but the folder
        os.close(reading)
        left = [die_at]

        def tick(_statement=None):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def traced(*args, _connect=sqlite3.connect, **options):
            connection = _connect(*args, **options)
            connection.set_trace_callback(tick)
            return connection

        sqlite3.connect = traced
        with os.fdopen(writing, "wb", buffering=0) as pipe, Kme(folder, capacity=8) as kme:
            for _ in range(2):
                for key in kme.issue("a", "b", KeyRequest(1, 512)):
                    pipe.write(pickle.dumps(("master", key)))
                    tick()
                    for copy in kme.collect("a", "b", [key.id]):
                        pipe.write(pickle.dumps(("slave", copy)))
                        tick()
        os._exit(0)
    os.close(writing)
    given = []
    with os.fdopen(reading, "rb") as pipe:
        while True:
            try:
                given.append(pickle.load(pipe))
            except EOFError:
                break
    return given, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_server_killed_at_any_statement_gives_no_key_twice_and_no_two_ends_different_ones(tmp_path):
    at, ended, seen = 0, False, 0
    while not ended:
        at += 5
        folder = tmp_path / str(at)
        with filled(folder, 8):
            pass
        before, ended = _until_killed(folder, at)
        after, _ = _until_killed(folder, 0)
        masters = [key for who, key in before + after if who == "master"]
        slaves = [key for who, key in before + after if who == "slave"]
        assert len({key.id for key in masters}) == len({key.secret for key in masters}) == len(masters)
        assert len({key.id for key in slaves}) == len(slaves)
        assert {(key.id, key.secret) for key in slaves} <= {(key.id, key.secret) for key in masters}
        seen += len(before)
    assert seen > 8
