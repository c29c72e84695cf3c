"""The bridge's end of the channel: an epoch at a time, each message under a new counter.

An epoch begins with the gateway's offer and, at a level that has one, a QKD key, which is asked for in the background.
Nothing of it is on disk: a bridge that is started again opens a new one. And an epoch's number, which goes into its AES
key, is drawn: whatever a key server gives twice, no counter comes twice under one AES key.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from qcot.channel import message
from qcot.channel.handshake import EPOCH_BITS, Offer, build_opening, opening_id, parse_offer, parse_opening
from qcot.channel.level import Level
from qcot.channel.problems import (
    HELD_UP,
    KEY_UNKNOWN,
    LEVEL,
    NO_KEY,
    NO_OFFER,
    OFFER_EXPIRED,
    OFFER_FOREIGN,
    OFFER_OLD,
    OFFER_REFUSED,
    PASSING,
    TELLS,
)
from qcot.channel.secret import EpochKey, Names, derive
from qcot.crypto.kem import ML_KEM_768, Kem, KemPublicKey
from qcot.crypto.signing import PublicKey, SigningKey
from qcot.errors import Problem, QcotError
from qcot.kme.api import DeliveredKey
from qcot.ledger.receipts import Answer
from qcot.rates import Bucket, Rate

RETRY_S = (1.0, 30.0)
"""How long to wait after a key could not be had, or an opening was refused: doubled up to the second."""
PATIENCE_S = (3.0, 30.0)
"""How long an offer may be missing before that is told, and told again."""
SKEW_MS = 300_000
"""By how much the clocks of both ends may differ."""
OFFER_RATE = Rate(per_s=2, burst=20)
"""Offers that are looked into: anybody on the broker can send such a thing."""
MAX_ANSWERABLE = 4096
"""Of how many messages an answer is understood."""
MAX_GONE = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rekey:
    """When an epoch ends: after ``messages``, with the message that makes it ``size`` bytes, or after ``seconds``."""

    messages: int = 65_536
    size: int = 1 << 30
    seconds: float = 3600.0


@dataclass(frozen=True)
class Sealing:
    """What a bridge has to be told to seal.

    ``take``: whence QKD keys come, None where the level has none; ``rekey``: when an epoch ends; ``certificates``: what
    an opening carries, asked for each time, for they may be renewed meanwhile.
    """

    kem: Kem = ML_KEM_768
    take: Callable[[], DeliveredKey] | None = None
    rekey: Rekey = Rekey()
    certificates: Callable[[], Sequence[bytes]] = tuple

    @property
    def level(self) -> Level:
        """The one that this bridge demands."""
        return Level(self.kem, qkd=self.take is not None)


@dataclass
class _Epoch:
    id: bytes
    key: EpochKey
    opening: bytes = field(repr=False)
    since: float
    sealed: int = 0
    size: int = 0


class Sealer:
    """Seals for one topic, under what ``gateway``, whose key that is, offers; ``key`` gives the bridge's as it is then.

    ``clock`` gives seconds that never go back, ``wall`` ms since 1970. ``changed`` is called when something can be
    sealed again, ``failed`` when there is something to tell; both perhaps on another thread.
    """

    def __init__(
        self,
        names: Names,
        topic: str,
        sealing: Sealing,
        *,
        gateway: PublicKey,
        key: Callable[[], SigningKey],
        clock: Callable[[], float],
        changed: Callable[[], None],
        failed: Callable[[Problem, str], None],
        wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._names, self._topic, self._sealing, self._level = names, topic, sealing, sealing.level
        self._gateway, self._key = gateway, key
        self._clock, self._wall = clock, wall
        self._changed, self._failed = changed, failed
        self._lock = threading.Lock()
        self._offer: Offer | None = None
        self._dead: OrderedDict[bytes, None] = OrderedDict()
        self._bucket = Bucket(OFFER_RATE, clock())
        self._delivered: DeliveredKey | None = None
        self._is_asking = False
        self._epoch: _Epoch | None = None
        self._retry_at = 0.0
        self._delay = RETRY_S[0]
        self._tell_at: float | None = None
        self._why = f"no offer of gateway {names.gateway} was heard yet"
        # Answers name what was sent; the outbox knows what was sealed, and the epoch under which.
        self._inner: OrderedDict[bytes, tuple[bytes, bytes]] = OrderedDict()

    @property
    def state(self) -> str:
        """In one line, for people."""
        with self._lock:
            if self._epoch is None:
                return f"{self._level.name}, waiting: {self._why}"
            return f"{self._level.name}, epoch {self._epoch.id.hex()[:8]}, {self._epoch.sealed} sealed"

    # Offers

    def offered(self, raw: bytes) -> None:
        """Take what came as an offer of the gateway: the newest counts, and one that is refused changes nothing."""
        digest = sha256(raw).digest()
        with self._lock:
            now = self._clock()
            if digest in self._dead or (self._offer and self._offer.hash == digest) or not self._bucket.has(1, now):
                return  # one that is given out at intervals comes again
            self._bucket.take(1)
            try:
                offer = self._checked(raw)
            except QcotError as error:
                refused: QcotError | None = error
            else:
                refused, self._offer = None, offer
                self._end("the gateway made a new offer")
        if refused:
            self._failed(OFFER_REFUSED, str(refused))
        else:
            self._changed()

    def _checked(self, raw: bytes) -> Offer:
        offer = parse_offer(raw)
        if (offer.site, offer.gateway) != (self._names.site, self._names.gateway):
            raise QcotError(OFFER_FOREIGN, f"it is of gateway {offer.gateway} of {offer.site}")
        if offer.level != self._level:
            raise QcotError(LEVEL, f"it is of {offer.level.name}, this bridge is set to {self._level.name}")
        now = self._wall()
        if not offer.issued - SKEW_MS <= now < offer.expires + SKEW_MS:
            raise QcotError(
                OFFER_EXPIRED, f"it is for {offer.issued} to {offer.expires}, here it is {now} (ms since 1970)"
            )
        if self._offer and offer.issued < self._offer.issued:
            raise QcotError(OFFER_OLD, f"it was made {self._offer.issued - offer.issued} ms before the one in use")
        offer.signed.verify(self._gateway)
        return offer

    # Sealing

    def ready(self) -> bool:
        """Whether a message can be sealed now; where it can't, what is missing is asked for, or told."""
        with self._lock:
            now = self._clock()
            told = None
            if not self._is_open(now) and now >= self._retry_at:
                told = self._prepare(now)
            is_ready = self._epoch is not None
        if told:
            self._failed(*told)
        return is_ready

    def seal(self, plaintext: bytes) -> tuple[bytes, ...]:
        """Seal under the next counter; what to send, in order: an epoch's opening stands before its first message.

        Raises `channel-no-key`.
        """
        with self._lock:
            if not self._is_open(self._clock()):
                raise QcotError(NO_KEY, self._why)
            epoch = self._epoch
            assert epoch is not None
            epoch.sealed += 1  # before it is used: whatever happens then, it is not used again
            epoch.size += len(plaintext)
            sealed = message.seal(epoch.key, plaintext, opening=epoch.id, counter=epoch.sealed, topic=self._topic)
            self._inner[sha256(sealed).digest()] = (sha256(plaintext).digest(), epoch.id)
            if len(self._inner) > MAX_ANSWERABLE:
                self._inner.popitem(last=False)
            return (epoch.opening, sealed) if epoch.sealed == 1 else (sealed,)

    def hear(self, answer: Answer) -> Answer:
        """The gateway's verified ``answer`` in terms of what was sealed; where it lost the key, that epoch ends."""
        told = None
        with self._lock:
            inner, under = self._inner.get(answer.hash, (answer.hash, None))
            epoch = self._epoch
            if epoch and answer.hash == sha256(epoch.opening).digest() and answer.name not in PASSING:
                told = self._not_opened(answer)
            elif epoch and under == epoch.id and answer.name == KEY_UNKNOWN.name:
                self._end("the gateway does not have the last one")
            elif epoch and under == epoch.id and answer.name not in TELLS:
                self._delay = RETRY_S[0]
        if told:
            self._failed(*told)
        return replace(answer, hash=inner)

    def _not_opened(self, answer: Answer) -> tuple[Problem, str]:
        """The gateway refused the opening of the current epoch."""
        why = f"{answer.name}: {answer.reason}"
        self._end(why)
        if answer.name != KEY_UNKNOWN.name:
            self._back_off()
            return HELD_UP, why
        if self._offer:
            self._dead[self._offer.hash] = None
            if len(self._dead) > MAX_GONE:
                self._dead.popitem(last=False)
        self._offer = None
        return NO_OFFER, why

    def _is_open(self, now: float) -> bool:
        rekey, epoch = self._sealing.rekey, self._epoch
        if epoch and (epoch.sealed >= rekey.messages or epoch.size >= rekey.size or now - epoch.since >= rekey.seconds):
            self._end("the last one has served its time")
        return self._epoch is not None

    def _end(self, why: str) -> None:
        self._epoch, self._why = None, why

    def _back_off(self) -> None:
        self._retry_at = self._clock() + self._delay
        self._delay = min(2 * self._delay, RETRY_S[1])

    def _prepare(self, now: float) -> tuple[Problem, str] | None:
        """Begin an epoch if all is there; what to tell, if something has been missing for long."""
        offer = self._offer
        if offer and self._wall() >= offer.expires + SKEW_MS:
            self._offer = offer = None
            self._why = f"the last offer of gateway {self._names.gateway} has expired"
        if offer is None:
            return self._missing(now)
        self._tell_at = None
        if self._sealing.take and self._delivered is None:
            if not self._is_asking:
                self._is_asking = True
                threading.Thread(target=self._ask, args=(self._sealing.take,), name="channel-key", daemon=True).start()
            return None
        try:
            self._begin(offer, now)
        except QcotError as error:
            self._why = str(error)
            self._back_off()
            return NO_KEY, self._why
        return None

    def _missing(self, now: float) -> tuple[Problem, str] | None:
        if self._tell_at is None:
            self._tell_at = now + PATIENCE_S[0]
        if now < self._tell_at:
            return None
        self._tell_at = now + PATIENCE_S[1]
        return NO_OFFER, self._why

    def _begin(self, offer: Offer, now: float) -> None:
        signing, certificates = self._key(), self._sealing.certificates()
        delivered, self._delivered = self._delivered, None  # whatever happens then, it is not used again
        secret, ciphertext = KemPublicKey(offer.level.kem, offer.public_key).encapsulate()
        raw = build_opening(
            signing, names=self._names, level=offer.level, offer=offer.hash, ciphertext=ciphertext,
            epoch=secrets.randbits(EPOCH_BITS), key_id=delivered.id if delivered else None,
            certificates=certificates,
        )  # fmt: skip
        exchange = parse_opening(raw).exchange(offer.public_key)
        key = derive(exchange, secret, delivered.secret if delivered else b"")
        self._epoch = _Epoch(opening_id(raw), key, raw, now)

    def _ask(self, take: Callable[[], DeliveredKey]) -> None:
        why = ""
        delivered: DeliveredKey | None = None
        try:
            delivered = take()
        except QcotError as error:
            why = str(error)
        except Exception as error:
            why = f"{type(error).__name__} while asking"
            _log.exception("a key could not be asked for")
        with self._lock:
            self._is_asking = False
            self._delivered = delivered
            if delivered is None:
                self._why = why
                self._back_off()
            else:
                self._delay = RETRY_S[0]
        if delivered is None:
            self._failed(NO_KEY, why)
        else:
            self._changed()
