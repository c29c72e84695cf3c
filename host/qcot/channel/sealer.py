"""The bridge's end of the channel: one QKD key an epoch, asked for in the background, each message under a new counter.

Nothing of it is on disk: a bridge that is started again takes a new key. And an epoch's number, which goes into its
AES key, is drawn: even a key server that was restored from a backup, and gives a key again, makes no counter come twice
under one AES key, whatever the clock says.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from qcot.channel import message
from qcot.channel.problems import KEY_UNKNOWN, NO_KEY
from qcot.channel.secret import QKD_ONLY, EpochKey, Names, derive
from qcot.errors import Problem, QcotError
from qcot.kme.api import DeliveredKey
from qcot.ledger.receipts import Answer

RETRY_S = (1.0, 30.0)
"""How long to wait after a key could not be had: doubled up to the second."""
EPOCH_BITS = 63
MAX_ANSWERABLE = 4096
"""Of how many messages an answer is understood."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rekey:
    """When an epoch ends: after ``messages``, or ``seconds``."""

    messages: int = 65_536
    seconds: float = 3600.0


@dataclass(frozen=True)
class Sealing:
    """What a bridge has to be told to seal: whence keys come, and how long one serves."""

    take: Callable[[], DeliveredKey]
    rekey: Rekey = Rekey()


@dataclass
class _Epoch:
    number: int
    delivered: DeliveredKey
    key: EpochKey
    since: float
    sealed: int = 0


class Sealer:
    """Seals for one topic. ``clock`` gives seconds that never go back.

    ``changed`` is called when there is a key, ``failed`` when one could not be had; both on another thread.
    """

    def __init__(
        self,
        names: Names,
        topic: str,
        sealing: Sealing,
        *,
        clock: Callable[[], float],
        changed: Callable[[], None],
        failed: Callable[[Problem, str], None],
    ) -> None:
        self._names, self._topic, self._sealing = names, topic, sealing
        self._clock = clock
        self._changed, self._failed = changed, failed
        self._lock = threading.Lock()
        self._epoch: _Epoch | None = None
        self._is_asking = False
        self._retry_at = 0.0
        self._delay = RETRY_S[0]
        self._why = "no key was asked for yet"
        # Answers name what was sent; the outbox knows what was sealed, and the key server which key.
        self._inner: OrderedDict[bytes, tuple[bytes, DeliveredKey]] = OrderedDict()

    @property
    def state(self) -> str:
        """In one line, for people."""
        with self._lock:
            if self._epoch is None:
                return f"waiting for a key: {self._why}"
            return f"{QKD_ONLY}, key {self._epoch.delivered.id}, {self._epoch.sealed} sealed"

    def ready(self) -> bool:
        """Whether a message can be sealed now; where it can't, a key is asked for unless one is already."""
        with self._lock:
            now = self._clock()
            self._end_epoch(now)
            if self._epoch is not None:
                return True
            if not self._is_asking and now >= self._retry_at:
                self._is_asking = True
                threading.Thread(target=self._ask, name="channel-key", daemon=True).start()
            return False

    def seal(self, plaintext: bytes) -> bytes:
        """Seal under the next counter; raises `channel-no-key`."""
        with self._lock:
            self._end_epoch(self._clock())
            epoch = self._epoch
            if epoch is None:
                raise QcotError(NO_KEY, self._why)
            epoch.sealed += 1  # before it is used: whatever happens then, it is not used again
            sealed = message.seal(
                epoch.key, plaintext,
                key_id=epoch.delivered.id, epoch=epoch.number, counter=epoch.sealed, topic=self._topic,
            )  # fmt: skip
            self._inner[sha256(sealed).digest()] = (sha256(plaintext).digest(), epoch.delivered)
            if len(self._inner) > MAX_ANSWERABLE:
                self._inner.popitem(last=False)
            return sealed

    def hear(self, answer: Answer) -> Answer:
        """The gateway's verified ``answer`` in terms of what was sealed; where it lost the key, that epoch ends."""
        with self._lock:
            inner, delivered = self._inner.get(answer.hash, (answer.hash, None))
            if answer.name == KEY_UNKNOWN.name and self._epoch and delivered is self._epoch.delivered:
                self._epoch, self._why = None, "the gateway does not have the last one"
            return replace(answer, hash=inner)

    def _end_epoch(self, now: float) -> None:
        rekey, epoch = self._sealing.rekey, self._epoch
        if epoch and (epoch.sealed >= rekey.messages or now - epoch.since >= rekey.seconds):
            self._epoch, self._why = None, "the last one has served its time"

    def _ask(self) -> None:
        problem, why = NO_KEY, ""
        try:
            delivered = self._sealing.take()
        except QcotError as error:
            why = str(error)
        except Exception as error:
            why = f"{type(error).__name__} while asking"
            _log.exception("a key could not be asked for")
        with self._lock:
            self._is_asking = False
            if why:
                self._why = why
                self._retry_at = self._clock() + self._delay
                self._delay = min(2 * self._delay, RETRY_S[1])
            else:
                self._delay = RETRY_S[0]
                number = secrets.randbits(EPOCH_BITS)
                key = derive(delivered.secret, delivered.id, self._names, number)
                self._epoch = _Epoch(number, delivered, key, self._clock())
        if why:
            self._failed(problem, why)
        else:
            self._changed()
