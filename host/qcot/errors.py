"""The one root of every error that a user may see.

A problem is a record: its name is stable and greppable, its remedy says what to do. Each package keeps a table of
its own problems beside the code that meets them; the command line prints all three parts and never a traceback.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A way in which things go wrong: ``name`` in kebab-case, ``remedy`` as an imperative sentence."""

    name: str
    remedy: str


class QcotError(Exception):
    """A :class:`Problem` that happened, with the ``reason`` of this one time."""

    def __init__(self, problem: Problem, reason: str) -> None:
        super().__init__(problem, reason)  # what it is made again from when it is copied, pickled or passed on by SimPy
        self.problem = problem
        self.reason = reason

    def __str__(self) -> str:
        """Name and reason; the remedy is the caller's to show."""
        return f"{self.problem.name}: {self.reason}"
