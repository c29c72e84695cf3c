"""What can go wrong with a quantum state, by name."""

from __future__ import annotations

from qcot.errors import Problem

BAD_SHOTS = Problem("quantum-shots", "Give a whole number of shots from 1 to 1,000,000.")
BAD_SEED = Problem("quantum-seed", "Give a whole number from 0 to 2^63 - 1 as seed.")
BAD_PATCH = Problem("quantum-patch", "Give one to three Qblocks, oldest first, as many prepared as expected.")
BAD_PHASE = Problem("quantum-phase", "Give h from 0 to 2^53 - 1 and t from 0 to 2^42 - 1 ms since Qblock 0.")
BAD_QHASH = Problem("quantum-qhash", "Give the 32 bytes of a walk hash.")
BAD_SETTING = Problem("quantum-setting", "Use 'newest', or 'middle' from two Qblocks on.")
BAD_ODDS = Problem("quantum-odds", "Give a miss probability between 0 and 1 and a fidelity from 0 to below 1.")
RUN_FAILED = Problem(
    "quantum-run-failed", "Nothing was counted. See that the backend is reachable and large enough, then run it again."
)
