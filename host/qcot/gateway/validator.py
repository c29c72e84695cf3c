"""The validation of this gateway before each Qblock: a bridge's identity asks, the gateway's shows its key.

The bridges take turns as verifiers. Keys come from a simulated BB84 link between each bridge's side and the gateway's,
in a file for either end; as the pairs are simulated, both ends run in this process, and what that proves is in
docs/quantum/validation.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qcot.errors import QcotError
from qcot.gateway.problems import NO_VERIFIER
from qcot.ledger.validation import Validated
from qcot.quantum.identity import validate
from qcot.quantum.qkd import distribute
from qcot.quantum.qkd.link import LinkParameters
from qcot.quantum.qkd.store import Key, KeyStore

if TYPE_CHECKING:
    from qcot.quantum.backends import Backend

PHOTONS = 131_072
"""Of one run of the link, which gives some dozens of keys; another follows when they are used up."""
LINK = LinkParameters()


class Validator:
    """Validates the bookkeeper for one of ``verifiers`` after the other, with keys kept in ``folder``.

    Who they are is asked anew for each Qblock.
    """

    def __init__(self, folder: Path, verifiers: Callable[[], Sequence[str]], backend: Backend | None = None) -> None:
        self._folder, self._verifiers, self._backend = folder, verifiers, backend

    def prepare(self) -> None:
        """Run the link for each verifier without keys now, so that no Qblock waits for it."""
        for name in self._verifiers():
            with self._stores(name) as (bridge, gateway):
                if not bridge.available():
                    _fill(bridge, gateway)

    def __call__(self, height: int, record_hash: bytes) -> Validated:
        """The record of an accepted validation; raises the refusal by name, with the key burnt at both ends."""
        verifiers = self._verifiers()
        if not verifiers:
            raise QcotError(NO_VERIFIER, "no bridge is on the ledger that could validate this gateway")
        name = verifiers[height % len(verifiers)]
        with self._stores(name) as (bridge, gateway):
            if not bridge.available():
                _fill(bridge, gateway)
            return Validated.of(name, validate(bridge, gateway, record_hash, backend=self._backend))

    @contextmanager
    def _stores(self, name: str) -> Iterator[tuple[KeyStore, KeyStore]]:
        """Both ends' keys, of the bridge and of the gateway."""
        with KeyStore(self._folder / f"{name}.bridge") as bridge, KeyStore(self._folder / f"{name}.gateway") as gateway:
            yield bridge, gateway


def _fill(bridge: KeyStore, gateway: KeyStore) -> None:
    """Run the link. The gateway's end first: so the verifier, who names the key, has none that the other lacks.

    Which keys were used the ledger's headers remember, and its writer refuses them: the stores need not.
    """
    run = distribute("bb84", PHOTONS, LINK, None)
    keys = [Key(uuid.uuid4(), secret) for secret in run.require().keys]
    for end in (gateway, bridge):
        end.forget_used()
        end.add(keys)
