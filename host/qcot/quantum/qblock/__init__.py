"""Qblock state: phases, recipe, checks of a patch and of a whole chain, and closed forms of what they detect.

    |Q_n> = 2^(-n/2) sum_x exp i [ sum_j theta_j x_j + sum_j phi_j x_j x_(j+1) ] |x>

One qubit a Qblock: H, P(theta_j), and CP(phi_j) to its successor, a weighted graph state (QUMA 4.1, 4.4 and 5.6 as put
right in docs/quantum/qblocks.md).
"""

from qcot.quantum.qblock.chain import MAX_BLOCKS, Chain, link_errors, theta_errors
from qcot.quantum.qblock.closed import COLOURS, ClosedForm, check_chain
from qcot.quantum.qblock.entanglement import block_eigenvalues, block_entropy, cut_concurrence, cut_entropy
from qcot.quantum.qblock.local import (
    SETTINGS,
    LocalCheck,
    Setting,
    local_patch_circuit,
    run_local_check,
    run_local_checks,
)
from qcot.quantum.qblock.phases import (
    H_BITS,
    PATCH_BLOCKS,
    QHASH_BYTES,
    T_BITS,
    Patch,
    QblockPhases,
    patch_qasm3,
    phases_from,
)
from qcot.quantum.qblock.theory import (
    check_closed_form,
    detection_probability,
    expected_zeros_probability,
    inverse_fidelity,
    link_fidelity,
    local_shots_for,
    mean_miss,
    mean_tail_fidelity,
    shots_for,
    shots_for_mean_miss,
    shots_to_detect,
    theta_fidelity,
)
from qcot.quantum.qblock.whole import (
    MAX_RUN_BLOCKS,
    ChainCheck,
    colour_circuit,
    compare,
    inverse_circuit,
    prepare_circuit,
    run_chain_check,
)

__all__ = [
    "COLOURS",
    "H_BITS",
    "MAX_BLOCKS",
    "MAX_RUN_BLOCKS",
    "PATCH_BLOCKS",
    "QHASH_BYTES",
    "SETTINGS",
    "T_BITS",
    "Chain",
    "ChainCheck",
    "ClosedForm",
    "LocalCheck",
    "Patch",
    "QblockPhases",
    "Setting",
    "block_eigenvalues",
    "block_entropy",
    "check_chain",
    "check_closed_form",
    "colour_circuit",
    "compare",
    "cut_concurrence",
    "cut_entropy",
    "detection_probability",
    "expected_zeros_probability",
    "inverse_circuit",
    "inverse_fidelity",
    "link_errors",
    "link_fidelity",
    "local_patch_circuit",
    "local_shots_for",
    "mean_miss",
    "mean_tail_fidelity",
    "patch_qasm3",
    "phases_from",
    "prepare_circuit",
    "run_chain_check",
    "run_local_check",
    "run_local_checks",
    "shots_for",
    "shots_for_mean_miss",
    "shots_to_detect",
    "theta_errors",
    "theta_fidelity",
]
