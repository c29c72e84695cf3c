"""The gateway's end of the channel: openings taken, keys kept in memory for an epoch and a grace, and forgotten.

A gateway that is started again has no key of those in use; it says so, and makes an offer, which bridges answer.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from qcot.channel import handshake, message
from qcot.channel.handshake import Opening, opening_id
from qcot.channel.level import Level
from qcot.channel.message import Sealed
from qcot.channel.offers import Held, Offers
from qcot.channel.problems import (
    FORGED,
    KEY_UNAVAILABLE,
    KEY_UNKNOWN,
    KEY_WAIT,
    LEVEL,
    PLAINTEXT,
    REPLAYED,
    TOO_MANY,
)
from qcot.channel.secret import EpochKey, Exchange, derive
from qcot.crypto.kem import ML_KEM_768, Kem
from qcot.crypto.signing import PublicKey, SigningKey
from qcot.errors import QcotError
from qcot.kme.api import DeliveredKey
from qcot.kme.problems import BAD_ANSWER, REFUSED
from qcot.mqtt import tx_topic
from qcot.rates import Bucket, Rate

MAX_EPOCHS = 4
"""Most epochs of one bridge that are here at a time."""
MAX_ASKING = 8
MAX_GONE = 4096
RETRY_S = 1.0
OPENING_RATE = Rate(per_s=5, burst=50)
"""Openings of one bridge that are looked into; those not on the ledger, who never opened one, share one more bucket."""
_LOST = (REFUSED, BAD_ANSWER)
"""After these the key server will not give the key any more: the bridge has to take another."""
_log = logging.getLogger(__name__)

Ask = Callable[[str, uuid.UUID], DeliveredKey]
"""Gets a bridge's name and a key id; the QKD key that bridge was given, or QcotError."""
Identity = Callable[[str, bytes, Sequence[bytes]], PublicKey]
"""Gets a bridge's name, the kid that signed, and the certificates it sent; its key, or QcotError."""


@dataclass(frozen=True)
class Unsealing:
    """What a gateway has to be told to open.

    ``ask``: whence QKD keys come, None where the level has none; ``renew_s``: how long it offers one ML-KEM key;
    ``lifetime_s``: how long an epoch lasts, ``grace_s`` how long either is kept after that.
    """

    kem: Kem = ML_KEM_768
    ask: Ask | None = None
    renew_s: float = 3600.0
    lifetime_s: float = 3600.0
    grace_s: float = 60.0

    @property
    def level(self) -> Level:
        """The one that this gateway offers and takes."""
        return Level(self.kem, qkd=self.ask is not None)


@dataclass
class _Pending:
    """An epoch that wants its QKD key: being asked for, or failed of late (``why``)."""

    exchange: Exchange
    kem_secret: bytes = field(repr=False)
    asking: bool = False
    why: str = ""
    retry_at: float = 0.0


@dataclass
class _Epoch:
    until: float
    key: EpochKey | None = None
    pending: _Pending | None = None
    counter: int = -1

    @property
    def is_used(self) -> bool:
        """Whether anything has opened."""
        return self.counter >= 0


class Opener:
    """Opens what bridges seal for ``gateway``, whose ``key`` signs offers.

    :meth:`open` and :meth:`offer` never wait. ``is_certified`` says whether a bridge of this name is on the ledger.
    ``clock`` gives seconds that never go back, ``wall`` ms since 1970.
    """

    def __init__(
        self,
        site: str,
        gateway: str,
        unsealing: Unsealing,
        *,
        key: SigningKey,
        identity: Identity,
        is_certified: Callable[[str], bool] = lambda bridge: False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._site, self._gateway = site, gateway
        self._unsealing, self._level = unsealing, unsealing.level
        self._identity, self._is_certified, self._clock = identity, is_certified, clock
        self._lock = threading.Lock()
        self._offers = Offers(
            (site, gateway), self._level, key,
            renew_s=unsealing.renew_s, grace_s=unsealing.grace_s, wall=wall, now=clock(),
        )  # fmt: skip
        self._epochs: dict[str, OrderedDict[bytes, _Epoch]] = {}
        self._gone: OrderedDict[bytes, str] = OrderedDict()
        self._asking = 0
        self._strangers = Bucket(OPENING_RATE, clock())
        self._known: dict[str, Bucket] = {}

    def offer(self) -> bytes | None:
        """The offer that is to be published now, to be retained; None where nothing is due."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            return self._offers.due(now)

    def wait_s(self) -> float:
        """How long :meth:`offer` has nothing."""
        with self._lock:
            return self._offers.wait_s(self._clock())

    def lost_offer(self) -> None:
        """Have the offer published again: the broker may have lost it."""
        with self._lock:
            self._offers.repeat(self._clock())

    def open(self, bridge: str, payload: bytes) -> bytes | None:
        """What ``bridge``, by whose topic it came, sealed in ``payload``; each message once, in order.

        None for an opening that was taken. Raises QcotError, with what is to be answered "later".
        """
        with self._lock:
            now = self._clock()
            self._forget(now)
            if not message.is_sealed(payload):
                if not handshake.is_opening(payload):
                    raise QcotError(PLAINTEXT, "this gateway takes sealed transactions only")
                self._take(bridge, payload, now)
                return None
            sealed = message.parse(payload)
            epoch = self._epochs.get(bridge, OrderedDict()).get(sealed.opening)
            if epoch is None:
                why = self._gone.get(sealed.opening, "this gateway has not had its opening")
                raise QcotError(KEY_UNKNOWN, f"epoch {sealed.opening.hex()}: {why}")
            if epoch.key is None:
                raise self._later(bridge, sealed.opening, epoch, now)
            return self._opened(bridge, epoch, epoch.key, sealed, now)

    def _opened(self, bridge: str, epoch: _Epoch, key: EpochKey, sealed: Sealed, now: float) -> bytes:
        plaintext = message.open_(key, sealed, tx_topic(self._site, bridge))
        if sealed.counter <= epoch.counter:
            raise QcotError(REPLAYED, f"message {sealed.counter} of epoch {sealed.opening.hex()} after {epoch.counter}")
        if not epoch.is_used:
            for each in self._epochs[bridge].values():
                if each is not epoch and each.is_used:
                    each.until = min(each.until, now + self._unsealing.grace_s)
        epoch.counter = sealed.counter
        return plaintext

    # Openings

    def _take(self, bridge: str, payload: bytes, now: float) -> None:
        """Begin an epoch. What is cheap is looked at first: whoever is on the broker can send such a thing."""
        known = opening_id(payload)
        if known in self._epochs.get(bridge, ()):
            return  # the broker gave it twice
        opening = handshake.parse_opening(payload)
        names = opening.names
        if (names.site, names.bridge, names.gateway) != (self._site, bridge, self._gateway):
            raise QcotError(FORGED, f"the opening is of bridge {names.bridge} of {names.site} for {names.gateway}")
        if opening.level != self._level:
            raise QcotError(LEVEL, f"the opening is of {opening.level.name}, this gateway takes {self._level.name}")
        offer = self._offers.held(opening.offer, now)
        if offer is None:
            self._offers.asked(now)
            raise QcotError(KEY_UNKNOWN, "the opening answers an offer that this gateway does not hold (any more)")
        if opening.id in offer.taken:
            raise QcotError(REPLAYED, f"epoch {opening.id.hex()} was opened before")
        if bridge not in self._known and self._is_certified(bridge):  # so strangers shut it out on no topic but its own
            self._known[bridge] = Bucket(OPENING_RATE, now)
        bucket = self._known.get(bridge, self._strangers)
        if not bucket.has(1, now):
            raise QcotError(TOO_MANY, "too many openings were sent of late")
        bucket.take(1)
        opening.signed.verify(self._identity(bridge, opening.signed.kid, opening.certificates))
        self._known.setdefault(bridge, Bucket(OPENING_RATE, now))
        self._begin(bridge, opening, offer, now)

    def _begin(self, bridge: str, opening: Opening, offer: Held, now: float) -> None:
        offer.taken.add(opening.id)
        exchange = opening.exchange(offer.key.public_key.raw)
        secret = offer.key.decapsulate(opening.ciphertext)
        epoch = _Epoch(now + self._unsealing.lifetime_s + self._unsealing.grace_s)
        self._epochs.setdefault(bridge, OrderedDict())[opening.id] = epoch
        self._make_room(bridge, opening.id)
        if self._level.qkd:
            epoch.pending = _Pending(exchange, secret)
            self._ask_for(bridge, opening.id, epoch.pending)
        else:
            epoch.key = derive(exchange, secret)

    def _make_room(self, bridge: str, newest: bytes) -> None:
        """Those that never opened anything go first, then the oldest."""
        epochs = self._epochs[bridge]
        others = [each for each in epochs if each != newest]
        if len(others) >= MAX_EPOCHS:
            self._drop(bridge, min(others, key=lambda each: epochs[each].is_used), "it had to make room")

    def _forget(self, now: float) -> None:
        """Of all bridges: one that went silent would never have its keys forgotten."""
        for bridge, epochs in self._epochs.items():
            for each in [each for each, epoch in epochs.items() if now >= epoch.until]:
                self._drop(bridge, each, "it has served its time")

    def _drop(self, bridge: str, epoch: bytes, why: str) -> None:
        del self._epochs[bridge][epoch]
        self._gone[epoch] = why
        if len(self._gone) > MAX_GONE:
            self._gone.popitem(last=False)

    # QKD keys

    def _later(self, bridge: str, epoch_id: bytes, epoch: _Epoch, now: float) -> QcotError:
        """Why the key is not here yet; it is asked for, unless it is already."""
        pending = epoch.pending
        assert pending is not None
        key_id = pending.exchange.key_id
        if not pending.asking and now < pending.retry_at:
            return QcotError(KEY_UNAVAILABLE, f"key {key_id}: {pending.why}")
        if not pending.asking:
            self._ask_for(bridge, epoch_id, pending)
        return QcotError(KEY_WAIT, f"key {key_id} is being asked for")

    def _ask_for(self, bridge: str, epoch: bytes, pending: _Pending) -> None:
        """Only a bridge's signature leads here; where too many are asked for, the next message tries again."""
        if self._asking < MAX_ASKING:
            self._asking += 1
            pending.asking = True
            threading.Thread(target=self._ask, args=(bridge, epoch, pending), name="channel-key", daemon=True).start()

    def _ask(self, bridge: str, epoch_id: bytes, pending: _Pending) -> None:
        key_id, ask = pending.exchange.key_id, self._unsealing.ask
        assert key_id is not None
        assert ask is not None
        delivered: DeliveredKey | None = None
        why, is_lost = "", False
        try:
            delivered = ask(bridge, key_id)
        except QcotError as error:
            why, is_lost = str(error), error.problem in _LOST
        except Exception as error:
            why = f"{type(error).__name__} while asking"
            _log.exception("a key could not be asked for")
        with self._lock:
            self._asking -= 1
            pending.asking = False
            epoch = self._epochs.get(bridge, OrderedDict()).get(epoch_id)
            if epoch is None:
                return
            if delivered is not None:
                epoch.key = derive(pending.exchange, pending.kem_secret, delivered.secret)
                epoch.pending = None
            elif is_lost:
                self._drop(bridge, epoch_id, why)
            else:
                pending.why, pending.retry_at = why, self._clock() + RETRY_S
