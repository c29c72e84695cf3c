"""Custody of records: sealed payloads and their keys on disk, opened only after the ledger knows."""
