"""Key distribution over a simulated quantum link, and the store where each key serves once."""

from qcot.quantum.qkd.store import Key, KeySource, KeyStore, MemoryKeys

__all__ = ["Key", "KeySource", "KeyStore", "MemoryKeys"]
