"""How entangled a chain is, in closed form: a cut has the Schmidt rank of one CP, a block that of its two."""

from __future__ import annotations

import numpy as np

from qcot.quantum.qblock.chain import Chain, Float64


def cut_concurrence(chain: Chain) -> Float64:
    """|sin(phi_j / 2)| of the cut between blocks j and j + 1, shape (n - 1,), from sqrt(1/2) to 1.

    I-concurrence sqrt(2 (1 - tr rho^2)) of the pure state across the cut, not that of a pair of qubits.
    """
    return np.abs(np.sin(chain.phi / 2))


def cut_entropy(chain: Chain) -> Float64:
    """Entanglement entropy in bits across the cut between blocks j and j + 1, shape (n - 1,)."""
    return _entropy((1 + np.abs(np.cos(chain.phi / 2))) / 2)


def block_eigenvalues(chain: Chain) -> Float64:
    """Eigenvalues of one block's state, larger first, shape (n, 2): (1 +- |cos(phi_(j-1) / 2) cos(phi_j / 2)|) / 2."""
    links = np.abs(np.cos(chain.phi / 2))
    product = np.concatenate([[1.0], links]) * np.concatenate([links, [1.0]])
    return np.stack([(1 + product) / 2, (1 - product) / 2], axis=1)


def block_entropy(chain: Chain) -> Float64:
    """Entropy in bits of one block's state, its entanglement with all the others, shape (n,)."""
    return _entropy(block_eigenvalues(chain)[:, 0])


def _entropy(larger: Float64) -> Float64:
    """Binary entropy of eigenvalues ``larger`` and 1 - ``larger``."""
    smaller = 1 - larger
    logarithm = np.log2(smaller, out=np.zeros_like(smaller), where=smaller > 0)
    found: Float64 = -larger * np.log2(larger) - smaller * logarithm
    return found
