"""The gateway's end of the channel: keys asked for once, kept in memory for an epoch and a grace, and forgotten.

A key server gives a key once, so a gateway that is started again has none of those in use; it says so, and the bridge
takes another.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from qcot.channel import message
from qcot.channel.message import Sealed
from qcot.channel.problems import FORGED, KEY_UNAVAILABLE, KEY_UNKNOWN, KEY_WAIT, PLAINTEXT, REPLAYED
from qcot.channel.secret import EpochKey, Names, derive
from qcot.errors import QcotError
from qcot.kme.api import DeliveredKey
from qcot.kme.problems import BAD_ANSWER, REFUSED
from qcot.mqtt import tx_topic
from qcot.rates import Bucket, Rate

MAX_KEYS = 4
"""Most keys of one bridge that are here at a time, and most that are not."""
MAX_ASKING = 8
MAX_GONE = 4096
RETRY_S = 1.0
ASK_RATE = Rate(per_s=5, burst=20)
"""How often the key server is asked: anybody on the broker can name keys that are none."""
_LOST = (REFUSED, BAD_ANSWER)
"""After these the key server will not give the key any more: the bridge has to take another."""
_log = logging.getLogger(__name__)

Ask = Callable[[str, uuid.UUID], DeliveredKey]
"""Gets a bridge's name and a key id; the key that bridge was given, or QcotError."""


@dataclass(frozen=True)
class Opening:
    """What a gateway has to be told to open: whence keys come, how long one serves (s), and how long after that."""

    ask: Ask
    lifetime_s: float = 3600.0
    grace_s: float = 60.0


@dataclass
class _Key:
    """One key of a bridge: asked for, had (``secret``), in use (``epoch`` and ``key``), or failed of late (``why``)."""

    asking: bool = False
    why: str = ""
    retry_at: float = 0.0
    secret: bytes | None = field(default=None, repr=False)
    until: float = float("inf")
    epoch: int | None = None
    key: EpochKey | None = None
    counter: int = -1

    @property
    def is_here(self) -> bool:
        """Whether the key server has given it."""
        return self.secret is not None or self.key is not None


class Opener:
    """Opens what bridges seal for ``gateway``. :meth:`open` never waits; ``clock`` gives seconds that never go back."""

    def __init__(self, site: str, gateway: str, opening: Opening, clock: Callable[[], float] = time.monotonic) -> None:
        self._site, self._gateway = site, gateway
        self._opening = opening
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, OrderedDict[uuid.UUID, _Key]] = {}
        self._gone: OrderedDict[tuple[str, uuid.UUID], str] = OrderedDict()
        self._asking = 0
        self._bucket = Bucket(ASK_RATE, clock())

    def open(self, bridge: str, payload: bytes) -> bytes:
        """What ``bridge``, by whose topic it came, sealed in ``payload``; each message once, in order.

        Raises QcotError, with what is to be answered "later": `channel-...` or `bad-cbor`.
        """
        if not message.is_sealed(payload):
            raise QcotError(PLAINTEXT, "this gateway takes sealed transactions only")
        sealed = message.parse(payload)
        with self._lock:
            now = self._clock()
            self._forget(now)
            if why := self._gone.get((bridge, sealed.key_id)):
                raise QcotError(KEY_UNKNOWN, f"key {sealed.key_id}: {why}")
            known = self._keys.get(bridge, OrderedDict()).get(sealed.key_id)
            if known is None or not known.is_here:
                raise self._later(bridge, sealed.key_id, known, now)
            return self._opened(bridge, known, sealed, now)

    def _opened(self, bridge: str, known: _Key, sealed: Sealed, now: float) -> bytes:
        key = known.key
        if key is None:
            # Until one has opened, nobody knows the epoch: what a stranger says of it binds nothing.
            assert known.secret is not None
            names = Names(self._site, bridge, self._gateway)
            key = derive(known.secret, sealed.key_id, names, sealed.epoch)
        elif sealed.epoch != known.epoch:
            raise QcotError(FORGED, f"epoch {sealed.epoch}, key {sealed.key_id} serves epoch {known.epoch}")
        plaintext = message.open_(key, sealed, tx_topic(self._site, bridge))
        if sealed.counter <= known.counter:
            raise QcotError(REPLAYED, f"message {sealed.counter} of key {sealed.key_id} after {known.counter}")
        if known.key is None:
            known.key, known.epoch, known.secret = key, sealed.epoch, None
            self._end_others(bridge, known, now)
        known.counter = sealed.counter
        return plaintext

    def _later(self, bridge: str, key_id: uuid.UUID, known: _Key | None, now: float) -> QcotError:
        """Why the key is not here yet; it is asked for, unless it is already."""
        if known is not None and known.asking:
            return QcotError(KEY_WAIT, f"key {key_id} is being asked for")
        if known is not None and now < known.retry_at:
            return QcotError(KEY_UNAVAILABLE, f"key {key_id}: {known.why}")
        keys = self._keys.setdefault(bridge, OrderedDict())
        if self._asking >= MAX_ASKING or not self._bucket.has(1, now) or not _has_place(keys, key_id):
            return QcotError(KEY_WAIT, f"key {key_id} will be asked for when there is time")
        self._bucket.take(1)
        self._asking += 1
        keys[key_id] = _Key(asking=True)
        threading.Thread(target=self._ask, args=(bridge, key_id), name="channel-key", daemon=True).start()
        return QcotError(KEY_WAIT, f"key {key_id} is being asked for")

    def _make_room(self, bridge: str, newest: uuid.UUID) -> None:
        """Of the keys that are here, those that never opened anything go first, then the oldest."""
        keys = self._keys[bridge]
        here = [each for each, key in keys.items() if key.is_here and each != newest]
        if len(here) >= MAX_KEYS:
            self._drop(bridge, min(here, key=lambda each: keys[each].key is not None), "it had to make room")

    def _ask(self, bridge: str, key_id: uuid.UUID) -> None:
        delivered: DeliveredKey | None = None
        why, is_lost = "", False
        try:
            delivered = self._opening.ask(bridge, key_id)
        except QcotError as error:
            why, is_lost = str(error), error.problem in _LOST
        except Exception as error:
            why = f"{type(error).__name__} while asking"
            _log.exception("a key could not be asked for")
        with self._lock:
            self._asking -= 1
            known = self._keys.get(bridge, OrderedDict()).get(key_id)
            if known is None:
                return
            known.asking = False
            now = self._clock()
            if delivered is not None:
                known.secret = delivered.secret
                known.until = now + self._opening.lifetime_s + self._opening.grace_s
                self._make_room(bridge, key_id)
            elif is_lost:
                self._drop(bridge, key_id, why)
            else:
                known.why, known.retry_at = why, now + RETRY_S

    def _end_others(self, bridge: str, newest: _Key, now: float) -> None:
        for each in self._keys[bridge].values():
            if each is not newest and each.key is not None:
                each.until = min(each.until, now + self._opening.grace_s)

    def _forget(self, now: float) -> None:
        """Of all bridges: one that went silent would never have its keys forgotten."""
        for bridge, keys in self._keys.items():
            for key_id in [key_id for key_id, key in keys.items() if now >= key.until]:
                self._drop(bridge, key_id, "it has served its time")

    def _drop(self, bridge: str, key_id: uuid.UUID, why: str) -> None:
        del self._keys[bridge][key_id]
        self._gone[bridge, key_id] = why
        if len(self._gone) > MAX_GONE:
            self._gone.popitem(last=False)


def _has_place(keys: OrderedDict[uuid.UUID, _Key], key_id: uuid.UUID) -> bool:
    """Whether ``key_id`` may be asked for: what failed makes room, what is being asked for must not.

    The key server gives a key once: whoever names keys that are none would else have genuine ones thrown away.
    """
    missing = [each for each, key in keys.items() if not key.is_here and each != key_id]
    if len(missing) < MAX_KEYS:
        return True
    failed = next((each for each in missing if not keys[each].asking), None)
    if failed is not None:
        del keys[failed]
    return failed is not None
