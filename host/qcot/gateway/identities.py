"""Whose key signed: by the ledger's register, else by certificates that came with a message, under the same root.

A bridge that is new brings its certificates in its first transaction, and in what opens its channel. Until they are on
the ledger anybody may show any: how many are looked into is limited, and what a signature costs to check comes last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from qcot.certificates import certificate
from qcot.certificates.certificate import Certificate, Role
from qcot.certificates.problems import CERTIFICATE_UNKNOWN
from qcot.certificates.register import Register
from qcot.crypto import cose
from qcot.crypto.signing import PublicKey
from qcot.errors import QcotError
from qcot.ledger.problems import LIMIT
from qcot.rates import Bucket, Rate

K = TypeVar("K")
V = TypeVar("V")
MAX_OFFERED = 4
"""Of the certificates that come with one message, how many are looked at: an issuer's and a bridge's, old and new."""
STRANGERS = Rate(per_s=20, burst=100)
"""Messages whose certificates are looked into."""
MAX_BROUGHT = 1024
"""Bridges whose certificates are on their way to the ledger."""


class Identities:
    """``register`` gives that of the ledger as it is now, ``wall`` ms since 1970, ``clock`` monotonic seconds."""

    def __init__(
        self,
        register: Callable[[], Register],
        *,
        wall: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._register, self._wall, self._clock = register, wall, clock
        self._strangers = Bucket(STRANGERS, clock())
        self._brought: dict[str, list[Certificate]] = {}
        self._judged: tuple[Register, int] | None = None
        self._good: dict[tuple[str, bytes], PublicKey] = {}  # as judged by that register in that second
        # What was found good, and on which register.
        self._shown: dict[tuple[str, bytes], tuple[Register, Certificate]] = {}

    def key(self, bridge: str, kid: bytes, offered: Sequence[bytes] = ()) -> PublicKey:
        """The ML-DSA-65 key ``kid`` of ``bridge``, certified on the ledger or by the certificates that are ``offered``.

        Raises QcotError `certificate-...`, `issuer-unknown` or `limit`.
        """
        register, at_s = self._register(), self._wall() // 1000
        if self._judged is None or self._judged[0] is not register or self._judged[1] != at_s:
            self._judged, self._good = (register, at_s), {}
        known = self._good.get((bridge, kid))
        if known is not None:
            return known
        try:
            return self._good.setdefault((bridge, kid), _key(register.require(kid, Role.BRIDGE, at_s, bridge)))
        except QcotError as error:
            base, shown = self._shown.get((bridge, kid), (None, None))
            if shown is not None and base is register and shown.not_before <= at_s < shown.not_after:
                return _key(shown)
            certificates = [
                each
                for each in (*_certificates(offered), *self._brought.get(bridge, ()))
                if each.role is Role.ISSUER or (each.kid, each.name) == (kid, bridge)
            ]
            if all(each.role is Role.ISSUER for each in certificates):
                raise
            if not self.may_look():
                raise QcotError(LIMIT, "too many certificates were shown of late") from error
        after = register
        for each in certificates:
            after = after.admit(each.raw, at_s)
        found = after.require(kid, Role.BRIDGE, at_s, bridge)
        _remember(self._shown, (bridge, kid), (register, found))
        return _key(found)

    def may_look(self) -> bool:
        """Whether one more message of who is not known may be looked into."""
        now = self._clock()
        if not self._strangers.has(1, now):
            return False
        self._strangers.take(1)
        return True

    def brought(self, bridge: str, statements: Sequence[bytes]) -> None:
        """Remember what ``bridge`` has signed until it is on the ledger: what comes right behind may rest on it."""
        _remember(self._brought, bridge, _certificates(statements))


def _remember(kept: dict[K, V], key: K, value: V) -> None:
    """The newest ones: who was not heard of for longest is forgotten first."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > MAX_BROUGHT:
        del kept[next(iter(kept))]


def _certificates(offered: Sequence[bytes]) -> list[Certificate]:
    """Those of the first few that read as certificates."""
    found: list[Certificate] = []
    for raw in offered[:MAX_OFFERED]:
        try:
            if cose.content_type(raw) == certificate.CONTENT_TYPE:
                found.append(certificate.parse(raw))
        except QcotError:
            continue
    return found


def _key(found: Certificate) -> PublicKey:
    if found.key is None:
        raise QcotError(CERTIFICATE_UNKNOWN, f"{found.name} has no key that signs")
    return found.key
