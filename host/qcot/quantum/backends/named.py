"""From the text of --backend to a backend."""

from __future__ import annotations

import importlib
from functools import reduce
from typing import Any

from qcot.errors import QcotError
from qcot.quantum.backends.kinds import Backend
from qcot.quantum.backends.loading import load_qiskit
from qcot.quantum.backends.noise import noisy_backend, noisy_backend_from
from qcot.quantum.backends.problems import BACKEND_UNKNOWN
from qcot.quantum.backends.runtime import ibm_backend

KINDS = {"noisy": noisy_backend_from, "ibm": ibm_backend}
"""What stands before the colon, to what makes a backend of what follows it."""


def named_backend(name: str) -> Backend | None:
    """The backend that ``name`` means: ideal (None), noisy, noisy:FILE.json, ibm:NAME, or MODULE:ATTRIBUTE.

    Raises `quantum-backend-unknown`, and what a kind of backend raises.
    """
    if name == "ideal":
        return None
    if name == "noisy":
        return noisy_backend()
    kind, _, rest = name.partition(":")
    if not rest:
        raise QcotError(BACKEND_UNKNOWN, f"{name!r} is none")
    return KINDS[kind](rest) if kind in KINDS else _imported(kind, rest)


def _imported(module: str, attribute: str) -> Backend:
    """A BackendV2 of somebody's module, or what makes one when it is called."""
    load_qiskit()
    from qiskit.providers import BackendV2

    where = f"{module}:{attribute}"
    try:
        found: Any = reduce(getattr, attribute.split("."), importlib.import_module(module))
        made = found if isinstance(found, BackendV2) else found()
    except Exception as error:  # somebody's code may raise anything
        raise QcotError(BACKEND_UNKNOWN, f"{where}: {type(error).__name__}: {error}") from error
    if not isinstance(made, BackendV2):
        raise QcotError(BACKEND_UNKNOWN, f"{where} is of type {type(made).__name__}, no BackendV2")
    return made
