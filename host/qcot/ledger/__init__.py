"""Transactions, the Merkle log and its Qblocks, and evidence that outlives them. Stands on crypto, quantum and link."""
