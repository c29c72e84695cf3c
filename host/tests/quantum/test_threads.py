"""Qiskit used from any thread, in any order: each case in a process of its own, which a crash would end."""

import subprocess
import sys

import pytest

RUN = """
import threading
from qcot.quantum.qblock import QblockPhases, run_local_check
patch = [QblockPhases(0, 0)] * 3
def run():
    check = run_local_check(patch, patch, 8, 0)
    assert (check.zeros_newest, check.zeros_middle) == (8, 8)
def elsewhere():
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
"""
ORDERS = {
    "a thread that ends, then the main one": "elsewhere(); run()",
    "threads that end": "elsewhere(); elsewhere(); elsewhere()",
    "the main thread, then one that ends": "run(); elsewhere(); run()",
    "many at once": """
threads = [threading.Thread(target=run) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
run()
""",
    "a fork of the main thread": """
import os
run()
child = os.fork()
if child == 0:
    run()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
""",
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_local_check_runs_on_any_thread_whichever_was_first(order):
    program = RUN + ORDERS[order] + "\nprint('done')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr.decode()


def test_qiskit_that_cannot_be_imported_is_an_error_on_whichever_thread():
    program = """
import sys, threading
sys.modules["qiskit_aer"] = None
from qcot.quantum.backends import load_qiskit
def load():
    try:
        load_qiskit()
    except ImportError as error:
        print(error.name)
load()
thread = threading.Thread(target=load)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"qiskit_aer\nqiskit_aer\n"
