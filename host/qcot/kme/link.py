"""The simulated link behind our key server: it distributes keys whenever fewer than half are left.

The simulation's photons come from a pseudo-random generator, so what it distributes is mixed with as many bytes of the
operating system's by HKDF: nobody who reckons the generator has a key, and the mix is no weaker than either.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from qcot.errors import QcotError
from qcot.kme.delivery import Kme
from qcot.quantum.qkd.store import KEY_SIZE_BYTES, Key

Protocol: TypeAlias = Literal["bb84", "e91"]
Run: TypeAlias = Callable[[], tuple[Sequence[bytes], str]]
"""One run of a link: the keys that both ends have after it, and what there is to say of it."""

AGAIN_S = (1.0, 60.0)
"""How long to wait after a run without a key: doubled up to the second."""
_LOOK_EVERY_S = 0.2
_log = logging.getLogger(__name__)


def simulated(protocol: Protocol = "bb84", photons: int = 1_000_000) -> Run:
    """The link of qcot.quantum.qkd, with a seed of the operating system each time."""
    from qcot.quantum.qkd import distribute

    def run() -> tuple[Sequence[bytes], str]:
        done = distribute(protocol, photons)
        return done.keys, done.reason or f"{len(done.keys)} keys"

    return run


def mixed(simulated_key: bytes) -> Key:
    """A key under a new id, from what was distributed and the operating system's randomness."""
    material = simulated_key + os.urandom(KEY_SIZE_BYTES)
    secret = HKDF(SHA384(), KEY_SIZE_BYTES, salt=None, info=b"qcot/kme/simulated-link/v1").derive(material)
    return Key(uuid.uuid4(), secret)


class Filler:
    """Keeps ``kme`` at its capacity, on a thread of its own, from the first `start` to `stop`."""

    def __init__(self, kme: Kme, run: Run) -> None:
        self._kme = kme
        self._run = run
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="link", daemon=True)
        self.trouble: str | None = None
        """Why the last run gave no key, if it gave none."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the run that is under way."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        wait = AGAIN_S[0]
        while not self._stopped.is_set():
            try:
                stored = self._kme.stored()
                if stored >= max(1, self._kme.capacity // 2):
                    self._stopped.wait(_LOOK_EVERY_S)
                    continue
                keys, said = self._run()
                self._kme.fill([mixed(key) for key in keys[: self._kme.capacity - stored]])
                self.trouble = None if keys else said
            except QcotError as error:
                self.trouble = str(error)
            except Exception:
                self.trouble = "the link failed"
                _log.exception(self.trouble)
            if self.trouble is None:
                wait = AGAIN_S[0]
            else:
                _log.warning("no key from the link: %s", self.trouble)
                self._stopped.wait(wait)
                wait = min(2 * wait, AGAIN_S[1])
