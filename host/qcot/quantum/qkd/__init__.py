"""Key distribution over a simulated quantum link, and the store where each key serves once."""

from qcot.quantum.qkd.distribution import Distribution, distribute
from qcot.quantum.qkd.keylength import Security
from qcot.quantum.qkd.link import LinkParameters
from qcot.quantum.qkd.store import Key, KeySource, KeyStore, MemoryKeys

__all__ = ["Distribution", "Key", "KeySource", "KeyStore", "LinkParameters", "MemoryKeys", "Security", "distribute"]
