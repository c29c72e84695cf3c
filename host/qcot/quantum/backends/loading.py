"""Import Qiskit once, from a thread that it survives."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import cache
from importlib import import_module


@cache
def load_qiskit() -> None:
    """Import Qiskit and Aer, so that every thread may use them from here on.

    Qiskit 2.6 crashes the process when it is used after the thread that first imported it has ended. So the main thread
    imports it (which a fork keeps), or one that never ends.
    """
    if threading.current_thread() is threading.main_thread():
        import_module("qiskit_aer")
        return
    loaded: Future[None] = Future()

    def load_and_stay() -> None:
        try:
            import_module("qiskit_aer")
        except BaseException as error:
            loaded.set_exception(error)
            return
        loaded.set_result(None)
        threading.Event().wait()

    threading.Thread(target=load_and_stay, name="qiskit", daemon=True).start()
    loaded.result()
