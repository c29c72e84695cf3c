"""A gateway in a process of its own that kills itself at its nth step: before a write to disk, or after giving out."""

import multiprocessing
import os
import signal
import time
from functools import cache
from multiprocessing import forkserver
from pathlib import Path

import pytest

# A server that has loaded everything forks each child, so that a child costs milliseconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["__main__", "crash_warm", "qcot.gateway", "qcot.ledger.verify"])


@cache
def _start_server():
    """The server looks for modules where PYTHONPATH says and nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        here = Path(__file__).parent
        patch.setenv("PYTHONPATH", f"{here}{os.pathsep}{here.parent}")
        forkserver.ensure_running()


def make_config(path, chain, **options):
    from qcot.crypto.signing import ML_DSA_44, SigningKey
    from qcot.gateway import GatewayConfig
    from trust_site import root_of

    return GatewayConfig(
        site="home", name="gw", origin="qcot.local/home", ledger=path, key=SigningKey(ML_DSA_44, bytes(32)),
        authority=root_of(), certificates=chain, shots=8, seed=int,
        **({"interval_s": 3600.0, "max_transactions": 2} | options),
    )  # fmt: skip


class _Child:
    def __init__(self, die_at, pipe):
        self.left = die_at
        self.pipe = pipe
        self.last = None

    def trace(self, statement):
        """Reading changes nothing on disk, nor does one row more in the same table of the same commit."""
        begins = statement.split()[:3]
        if begins[0] not in ("SELECT", "PRAGMA") and begins != self.last:
            self.tick()
        self.last = begins

    def tick(self):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def receipt(self, bridge, raw):
        self.pipe.send(("receipt", raw))
        self.tick()

    def checkpoint(self, text):
        self.pipe.send(("checkpoint", text))
        self.tick()

    def tell(self, event):
        pass


def _run(path, chain, steps, die_at, pipe):
    from qcot.gateway.books import Books
    from qcot.gateway.inbox import Message
    from qcot.gateway.worker import Worker
    from qcot.ledger import schema

    child = _Child(die_at, pipe)
    connect = schema.connect

    def traced(*args, **options):
        connection = connect(*args, **options)
        connection.set_trace_callback(child.trace)
        return connection

    schema.connect = traced
    books = Books(make_config(path, chain))
    worker = Worker(books._config, books, child, wake=lambda: None, clock=lambda: 1_700_000_000_000)
    for step in steps:
        worker.step([Message("b1", raw, lambda: None) for raw in step], False)
        while worker._closing is not None:
            worker.step([], False)
            time.sleep(0.001)
    books.close()
    pipe.send(("end", None))


def run_until_killed(path, chain, steps, die_at):
    """What the child gave out, as (kind, bytes or text), before its `die_at`th step killed it, if it got that far."""
    _start_server()
    receiving, sending = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_run, args=(path, chain, steps, die_at, sending))
    process.start()
    sending.close()
    given = []
    while True:
        try:
            given.append(receiving.recv())
        except EOFError:
            break
    process.join()
    ended = ("end", None) in given
    assert process.exitcode == (0 if ended else -signal.SIGKILL)
    return given[:-1] if ended else given, ended


def serve(path, chain, host, port):
    """A whole gateway, until it is killed."""
    from qcot.gateway import Gateway

    gateway = Gateway(make_config(path, chain, host=host, port=port, interval_s=0.05))
    gateway.start()
    gateway.run()
