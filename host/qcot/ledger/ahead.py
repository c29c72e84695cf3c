"""Leaves, their transactions read and signatures checked on other cores some way ahead of who judges them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeAlias

from qcot.crypto.signing import PublicKey
from qcot.errors import QcotError
from qcot.ledger import transactions
from qcot.ledger.transactions import Transaction

TRANSACTION_FIRST_BYTE = 0xD2
_AHEAD = 64  # leaves

Checked: TypeAlias = "Future[tuple[Transaction, bool]]"


def ahead(
    leaves: Iterator[tuple[int, bytes]], keys: Mapping[bytes, PublicKey]
) -> Iterator[tuple[int, bytes, Checked | None]]:
    """The same leaves, those of transactions with their signatures being checked on other cores meanwhile."""
    pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "signatures")  # OpenSSL works without the interpreter
    waiting: deque[tuple[int, bytes, Checked | None]] = deque()
    try:
        for leaf, raw in leaves:
            is_transaction = raw[:1] == bytes((TRANSACTION_FIRST_BYTE,))
            waiting.append((leaf, raw, pool.submit(_authenticate, raw, keys) if is_transaction else None))
            if len(waiting) > _AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _authenticate(raw: bytes, keys: Mapping[bytes, PublicKey]) -> tuple[Transaction, bool]:
    """The transaction, and whether its signature holds under the key of its id; if not it has yet to be looked at.

    Raises what is wrong with its form. ``keys`` grow meanwhile: the key of a bridge that is new may not be there yet.
    """
    transaction = transactions.parse(raw)
    key = keys.get(transaction.kid)
    if key is not None:
        with suppress(QcotError):
            transaction.verify(key)
            return transaction, True
    return transaction, False
