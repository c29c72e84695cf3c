"""A gateway killed between any two writes, a full disk, and damaged pages: nothing lost, nothing half written."""

import os
import random
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from ledger_site import Site
from qcot.errors import QcotError
from qcot.ledger import closing, qblock
from qcot.ledger.receipts import Status
from qcot.ledger.rules import Device
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import Transaction
from qcot.ledger.verify import verify


@dataclass(frozen=True)
class Plan:
    """A gateway's life, made beforehand so that two lives can be compared byte for byte."""

    steps: tuple[tuple[list[Transaction], qblock.Header | None], ...]
    leaves: list[tuple[int, bytes]]
    devices: dict[bytes, Device]


def open_ledger(path, site):
    return site.open(path)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    site, steps = Site(), []
    site.boards[0].readings()  # never delivered: its next frame is refused for good
    gap = site.boards[0].readings()
    with open_ledger(tmp_path_factory.mktemp("plan") / "l", site) as ledger:
        batches = [
            [site.enrolment(), site.readings(site.boards[1])],
            [site.transaction(gap), site.readings(site.boards[1]), site.readings(site.boards[1], frames=5)],
        ]
        for batch in batches:
            site.append(ledger, batch)
            steps.append((batch, site.close_unsigned(ledger)))
            site.now += 1000
        steps.append(([site.readings(site.boards[1])], None))
        site.append(ledger, steps[-1][0])
        return Plan(tuple(steps), list(ledger.leaves()), ledger.devices())


def live(path: Path, plan: Plan, say) -> None:
    """What a gateway does, and does again after a restart; ``say`` is called with what it has given out."""
    site = Site()
    with open_ledger(path, site) as ledger:
        for number, (batch, header) in enumerate(plan.steps):
            for answer in site.append(ledger, batch):
                say(f"{answer.hash.hex()} {answer.status} {answer.leaf}")
            if header is not None and ledger.height() <= number:
                ledger.append_qblock(header)
            text = closing.sign_tree(ledger, site.bookkeeper)
            say(f"checkpoint {text.encode().hex()}")


def killed_at(statement: int, path: Path, plan: Plan, given: Path) -> bool:
    """Live in a child that kills itself before its ``statement``-th SQL statement; False when it came to its end.

    Reads are not counted: whoever dies before one leaves what he leaves before the next write, and has said no more.
    """
    child = os.fork()
    if child == 0:
        try:
            connect, count = sqlite3.connect, 0

            def on_statement(text: str) -> None:
                nonlocal count
                count += not text.startswith("SELECT")
                if count == statement:
                    os.kill(os.getpid(), signal.SIGKILL)

            def traced(*arguments, **named):
                connection = connect(*arguments, **named)
                connection.set_trace_callback(on_statement)
                return connection

            sqlite3.connect = traced
            with given.open("a") as out:
                live(path, plan, lambda line: print(line, file=out, flush=True))
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_between_any_two_writes_nothing_given_out_is_lost_and_a_second_life_ends_the_same(plan, tmp_path):
    statement, kills = 0, 0
    while True:
        statement += 1
        path, given = tmp_path / str(statement) / "ledger", tmp_path / f"{statement}.given"
        killed = killed_at(statement, path, plan, given)
        check_after_kill(path, plan, given.read_text().splitlines())
        if not killed:
            break
        kills += 1
    assert kills > 60


def check_after_kill(path: Path, plan: Plan, given: list[str]) -> None:
    site = Site()
    with open_ledger(path, site) as ledger:
        leaves = list(ledger.leaves())
        assert leaves == plan.leaves[: len(leaves)]
        assert verify(ledger, site.trust).failure is None
        for line in given:
            first, *rest = line.split()
            if first == "checkpoint":
                assert bytes.fromhex(rest[0]).decode() in [text for _, text in ledger.checkpoints()]
            elif rest[0] == str(int(Status.ACCEPTED)):
                assert ledger.find_transaction(bytes.fromhex(first)) == int(rest[1])
    again: list[str] = []
    live(path, plan, again.append)
    assert {line for line in given if not line.startswith("checkpoint")} <= set(again)
    with open_ledger(path, site) as ledger:
        assert list(ledger.leaves()) == plan.leaves
        assert ledger.devices() == plan.devices
        assert [size for size, _ in ledger.checkpoints()] == [3, 6]


@contextmanager
def small_disk(folder: Path, room: int) -> Iterator[str]:
    """A tmpfs with ``room`` bytes where we may mount one, else files that cannot grow past it."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode == 0:
        try:
            yield "disk-full"
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
    else:
        with small_files(room):
            yield "ledger-io"


@contextmanager
def small_files(room: int) -> Iterator[str]:
    """No file of this process grows past ``room`` bytes (Python ignores SIGXFSZ, so the write fails)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield "ledger-io"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(ledger: Ledger, site: Site, accepted: list[Transaction]) -> tuple[Transaction, str]:
    """Append until the disk is full; return the transaction that found no room, and what it was told."""
    for _ in range(400):
        sent = site.readings(*site.boards, frames=8)
        try:
            site.append(ledger, [sent])
        except QcotError as error:
            return sent, error.problem.name
        accepted.append(sent)
    pytest.fail("the disk never filled")


def test_files_that_cannot_grow_stop_the_ledger_by_name_and_it_goes_on_when_they_can(path, site):
    accepted = [site.enrolment()]
    with open_ledger(path, site) as ledger:
        site.append(ledger, accepted)
        with small_files(200_000) as name:
            refused, told = fill(ledger, site, accepted)
            assert told == name
            assert [raw for _, raw in ledger.leaves()] == [t.raw for t in accepted]
        assert site.append(ledger, [refused])[0].status == Status.ACCEPTED
        site.close(ledger)
        assert verify(ledger, site.trust).failure is None


def test_a_full_disk_loses_nothing_that_was_accepted(tmp_path, site):
    folder = tmp_path / "disk"
    folder.mkdir()
    accepted = [site.enrolment()]
    with small_disk(folder, 400_000) as name:
        with open_ledger(folder / "l", site) as ledger:
            site.append(ledger, accepted)
            refused, told = fill(ledger, site, accepted)
            assert told == name
            with pytest.raises(QcotError, match=name):
                site.append(ledger, [refused])
            assert [raw for _, raw in ledger.leaves()] == [t.raw for t in accepted]
        copy_of = {file.name: file.read_bytes() for file in folder.iterdir()}
    for file, data in copy_of.items():
        (tmp_path / file).write_bytes(data)
    with open_ledger(tmp_path / "l", site) as ledger:
        assert [raw for _, raw in ledger.leaves()] == [t.raw for t in accepted]
        assert site.append(ledger, [refused])[0].status == Status.ACCEPTED
        site.close(ledger)
        assert verify(ledger, site.trust).failure is None


def test_no_room_for_the_tables_is_named_and_leaves_nothing_in_the_way(path, site):
    path.parent.mkdir()
    with small_files(3000), pytest.raises(QcotError, match=r"disk-full|ledger-io"):
        open_ledger(path, site)
    with open_ledger(path, site) as ledger:
        assert site.append(ledger, [site.enrolment()])[0].status == Status.ACCEPTED


def test_a_damaged_page_is_never_taken_for_good(closed, path, site, tmp_path):
    leaves, checkpoints = list(closed.leaves()), list(closed.checkpoints())
    closed.close()
    good = path.read_bytes()
    source, named = random.Random(2026), 0
    places = [source.randrange(len(good)) for _ in range(150)]
    for number, at in enumerate(places):
        damaged = bytearray(good)
        for i in range(at, min(at + source.choice((1, 16, 512)), len(good))):
            damaged[i] ^= source.randrange(1, 256)
        copy = tmp_path / str(number)
        copy.write_bytes(damaged)
        found = opened_and_verified(copy, site)
        assert found in ("ledger-corrupt", "ledger-foreign") or found == (leaves, checkpoints)
        named += isinstance(found, str)
    assert named > len(places) // 2


def opened_and_verified(path: Path, site: Site):
    """Why a ledger is not taken for good, or else what it holds: then the damage met bytes that hold nothing."""
    try:
        with open_ledger(path, site) as ledger:
            failure = verify(ledger, site.trust).failure
            return "ledger-corrupt" if failure else (list(ledger.leaves()), list(ledger.checkpoints()))
    except QcotError as error:
        return error.problem.name


def test_a_truncated_file_is_corrupt(closed, path, site):
    closed.close()
    good = path.read_bytes()
    for keep in (1, 100, 4096, len(good) // 2, len(good) - 4096):
        path.write_bytes(good[:keep])
        with pytest.raises(QcotError, match="ledger-corrupt"):
            open_ledger(path, site)
