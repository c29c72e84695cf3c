"""Every way in which things go wrong has a name to search for and a sentence that says what to do."""

import importlib
import pkgutil
import re

import pytest
import qcot
from qcot.errors import Problem

MODULES = [importlib.import_module(found.name) for found in pkgutil.walk_packages(qcot.__path__, "qcot.")]
PROBLEMS = {id(each): each for module in MODULES for each in vars(module).values() if isinstance(each, Problem)}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
def test_a_problem_has_a_name_in_kebab_case_and_a_remedy_in_a_sentence(problem: Problem) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", problem.name)
    assert re.match(r"[A-Z`]", problem.remedy)
    # The path that it is about follows the one that ends with a command.
    assert problem.remedy.endswith((".", "chmod 600"))
