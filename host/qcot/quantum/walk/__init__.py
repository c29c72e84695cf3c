"""The walk hash: 256 bits from a two-walker quantum walk on a 7 by 7 torus, in exact integers.

Definition, vectors and what the hash is not (a security primitive): docs/quantum/walk-hash.md. By module: `definition`,
two ways to walk (`dense`, `batch`), `hashing`; `circuits` and `comparison` run the walk as a quantum circuit beside the
exact one; `statistics` has the literature's tests, `figures` the paper's figures.
"""

from qcot.quantum.walk.hashing import walk_hash, walk_hash_bits, walk_hash_many

__all__ = ["walk_hash", "walk_hash_bits", "walk_hash_many"]
