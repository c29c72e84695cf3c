"""The root signs a log's tree: only one that a gateway signed whom this authority certified, and that has grown."""

from __future__ import annotations

from qcot.authority.store import AuthorityStore
from qcot.certificates import certificate
from qcot.certificates.claims import Role
from qcot.errors import QcotError
from qcot.ledger.checkpoint import Consistency, VerifierKey
from qcot.ledger.problems import CHECKPOINT_UNSIGNED


def anchor(store: AuthorityStore, wanted: Consistency, now_ms: int) -> bytes:
    """The anchor of the tree in ``wanted``, recorded; the proof in it begins at the tree anchored last.

    Raises QcotError `checkpoint-unsigned`, `bad-signature`, `anchor-...` or `root-...`.
    """
    given = wanted.checkpoint
    for each in store.issued():
        found = certificate.parse(each.raw)
        if found.role is Role.GATEWAY and found.key and found.log and found.log.origin == given.origin:
            vkey = VerifierKey(given.origin, found.key)
            if not each.revoked and given.is_signed_by(vkey):
                given.verify(vkey)
                break
    else:
        raise QcotError(CHECKPOINT_UNSIGNED, f"by no gateway that is certified here for the log {given.origin}")
    return store.anchor(origin=given.origin, size=given.size, root=given.root, now_ms=now_ms, consistency=wanted.path)
