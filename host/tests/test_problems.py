"""Every way in which things go wrong has a name to search for and a sentence that says what to do."""

import copy
import importlib
import pickle
import pkgutil
import re

import pytest
import qcot
from qcot.errors import Problem, QcotError

MODULES = [importlib.import_module(found.name) for found in pkgutil.walk_packages(qcot.__path__, "qcot.")]
PROBLEMS = {id(each): each for module in MODULES for each in vars(module).values() if isinstance(each, Problem)}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
def test_a_problem_has_a_name_in_kebab_case_and_a_remedy_in_a_sentence(problem: Problem) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", problem.name)
    assert re.match(r"[A-Z`]", problem.remedy)
    # The path that it is about follows the one that ends with a command.
    assert problem.remedy.endswith((".", "chmod 600"))


def test_an_error_that_is_passed_on_as_a_copy_is_still_the_same() -> None:
    error = QcotError(Problem("lost", "Look again."), "not in [qkd]")
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error)), type(error)(*error.args)):
        assert (other.problem, other.reason, str(other)) == (error.problem, error.reason, "lost: not in [qkd]")
