"""The tree of the log: that of :mod:`qcot.crypto.merkle`, which records and evidence share."""

from qcot.crypto.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    Frontier,
    NodeReader,
    consistency_path,
    frontier,
    inclusion_path,
    is_consistent,
    leaf_hash,
    node_hash,
    range_root,
    root_from_inclusion,
)

__all__ = [
    "EMPTY_ROOT", "HASH_SIZE", "Frontier", "NodeReader", "consistency_path", "frontier", "inclusion_path",
    "is_consistent", "leaf_hash", "node_hash", "range_root", "root_from_inclusion",
]  # fmt: skip
