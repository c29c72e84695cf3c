"""What can go wrong with a backend, by name."""

from __future__ import annotations

from qcot.errors import Problem

BACKEND_UNKNOWN = Problem(
    "quantum-backend-unknown",
    "Give ideal, noisy, noisy:FILE.json, ibm:NAME, or MODULE:ATTRIBUTE that is a Qiskit BackendV2 or makes one.",
)
BACKEND_TOO_SMALL = Problem(
    "quantum-backend-too-small", "Run it on a backend with as many qubits as the circuit, or on the ideal simulator."
)
BACKEND_GONE = Problem(
    "quantum-backend-gone", "Nothing was counted. See that the backend can be reached, then run it again."
)
NOISE_FILE = Problem("quantum-noise-file", "Correct the file named above; docs/quantum/backends.md lists its members.")
IBM_MISSING = Problem("quantum-ibm-missing", "Install the extra: pip install 'qcot[ibm]'.")
IBM_NO_TOKEN = Problem(
    "quantum-ibm-no-token",
    "Set QISKIT_IBM_TOKEN, or save an account with QiskitRuntimeService.save_account. Nothing was sent.",
)
IBM_REFUSED = Problem(
    "quantum-ibm-refused", "Check the token, the network and the machine's name; nothing was run and nothing counted."
)
