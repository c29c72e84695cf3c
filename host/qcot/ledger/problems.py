"""Why a transaction is refused, and what can be wrong with a ledger or with evidence."""

from __future__ import annotations

from qcot.errors import Problem

# Transactions and receipts as bytes.
BAD_TRANSACTION = Problem("bad-transaction", "Keep it aside; its bridge must build it as docs/evidence.md has it.")
BAD_RECEIPT = Problem("bad-receipt", "Ignore it; the transaction will be sent again.")
