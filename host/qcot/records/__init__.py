"""Records on the ledger: published, shared, opened, withdrawn, erased. Formats and rules, no I/O."""
