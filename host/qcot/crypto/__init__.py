"""Algorithms, keys, deterministic CBOR and COSE signatures. Imports nothing of link, quantum or ledger."""
