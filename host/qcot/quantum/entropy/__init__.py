"""Quantum random bits: measured, tested as NIST SP 800-90B asks, extracted, and mixed with the operating system's.

A simulator is credited with no entropy at all. Whatever the backend, the output is at least as good as os.urandom.
"""

from qcot.quantum.entropy.source import Assessment, Draw, EntropySource, State, random_bytes

__all__ = ["Assessment", "Draw", "EntropySource", "State", "random_bytes"]
