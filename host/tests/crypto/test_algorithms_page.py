"""docs/algorithms.md says what the tables say, and names every label that keeps one use of a key from another."""

import re
from pathlib import Path

import qcot
from qcot.crypto.kem import KEMS
from qcot.crypto.refused import BROKEN
from qcot.crypto.signing import ALGORITHMS

SOURCE = Path(qcot.__file__).parent
PAGE = (SOURCE.parents[1] / "docs" / "algorithms.md").read_text()
LABEL = re.compile(r"""["'](qcot/[a-z/-]+/v\d+)["']""")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_signatures_are_as_the_page_says():
    assert rows("Signatures") == [
        [
            a.name, a.family, a.standard, str(a.category), f"{a.public_key_size:,}", f"{a.secret_size:,}",
            f"{a.signature_size:,}", str(a.cose), a.provider, a.status,
        ]
        for a in ALGORITHMS.values()
    ]  # fmt: skip


def test_key_encapsulation_is_as_the_page_says():
    assert rows("Key encapsulation") == [
        [
            k.name, k.family, k.standard, str(k.category), f"{k.public_key_size:,}", f"{k.secret_size:,}",
            f"{k.ciphertext_size:,}", k.provider, k.status,
        ]
        for k in KEMS.values()
    ]  # fmt: skip


def test_what_cannot_be_chosen_is_as_the_page_says():
    assert rows("What cannot be chosen") == [[r.family, r.fate, str(r.year), r.reason] for r in BROKEN]


def test_every_label_of_the_code_stands_on_the_page_and_no_other():
    used = {label for path in SOURCE.rglob("*.py") for label in LABEL.findall(path.read_text())}
    on_page = [
        label for row in rows("What a signature or key is for") for label in re.findall(r"`(qcot/[^`]+)`", row[0])
    ]
    assert sorted(on_page) == sorted(used)
