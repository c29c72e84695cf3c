"""docs/threat-model.md names for each attacker the tests that show what it says: they are there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parents[1] / "docs" / "threat-model.md").read_text()
SHOWN = re.compile(r"`([\w/]+/test_\w+\.py)(?:::(test_\w+))?`")
ROWS = PAGE.partition("\n## Attackers\n")[2].partition("\n## ")[0].splitlines()


def test_every_attacker_has_a_test():
    attackers = [line for line in ROWS if line.startswith("| ") and not line.startswith("| attacker")]
    assert len(attackers) > 10
    assert [line for line in attackers if not SHOWN.search(line.rsplit(" | ", 1)[1])] == []


def test_every_test_that_the_page_names_is_there():
    named = SHOWN.findall(PAGE)
    assert {file for file, _ in named if not (TESTS / file).is_file()} == set()
    assert {test for file, test in named if test and f"def {test}(" not in (TESTS / file).read_text()} == set()
