"""The examples that a newcomer is shown, in the README and by --help: each is one that the command line takes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from qcot.cli import app as entry
from qcot.cli.lazy import LazyGroup
from qcot.cli.quantum.group import TECHNIQUES

README = Path(__file__).parents[3] / "README.md"
SHOWN = re.compile(r"(?:^    \.venv/bin/|`)qcot ([a-z][^`#\n]*)", re.MULTILINE)
STANDS_FOR = {
    "DEVICE": "0123456789abcdef", "EPOCH": "1", "SEQ": "2", "ROOT": "00" * 16, "ID": "0123", "DOCTOR": "doctor",
    "DOCTOR.qcot-id": "doctor.qcot-id", "P": "/dev/ttyACM0", "FILE": "one.qcot",
}  # fmt: skip
"""What a reader is to put in place of the README's words in capitals."""


@pytest.fixture(scope="module")
def root() -> LazyGroup:
    """`qcot` with all its commands."""
    for name in entry.COMMANDS:
        entry.command.load([name])
    for name in TECHNIQUES:
        entry.command.load(["quantum", name])
    return entry.command


def test_the_overviews_say_of_a_command_what_its_own_help_begins_with(root: LazyGroup) -> None:
    groups = [root, root.commands["quantum"]]
    listed = [(each.commands[name], place) for each in groups for name, place in each.places.items()]
    assert len(listed) > 25
    for command, place in listed:
        assert " ".join(command.help.split("\n\n")[0].split()) == place.summary


def test_the_overview_answers_without_loading_a_command() -> None:
    program = """
import sys
from qcot.cli.main import main
sys.argv = ["qcot", "--help"]
try:
    main()
finally:
    print(*(name for name in sys.modules if name.startswith("qcot.")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded == {"qcot.errors", "qcot.cli", *(f"qcot.cli.{name}" for name in ("app", "common", "lazy", "main"))}


def taken(root: Any, words: list[str]) -> bool:
    """Whether the command line takes these words; nothing is run. Raises what tells why not."""
    command, context, rest = root, root.make_context("qcot", [], resilient_parsing=True), list(words)
    while rest and hasattr(command, "commands") and rest[0] != "--help":
        command = command.commands[rest.pop(0)]
    if rest != ["--help"] and not hasattr(command, "commands"):
        command.make_context("qcot", rest, parent=context)
    return True


def leaves(command: Any, words: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every command below this one, with the words that lead there."""
    below = getattr(command, "commands", None)
    if below is None:
        return [(words, command)]
    return [leaf for name, each in below.items() for leaf in leaves(each, (*words, name))]


def test_the_readmes_examples_are_taken_as_they_stand(root: Any) -> None:
    examples = SHOWN.findall(README.read_text())
    assert len(examples) > 15
    for example in examples:
        words = [STANDS_FOR.get(word, word) for word in shlex.split(example)]
        assert taken(root, words), example


def test_every_technique_shows_an_example_that_is_taken(root: Any) -> None:
    groups = [leaf for name in ("quantum", "kme", "bench") for leaf in leaves(root.commands[name], (name,))]
    for words, command in [*groups, (("reproduce",), root.commands["reproduce"])]:
        found = re.search(r"Example: `?qcot ([^`\n]+(?:\n[^`\n]+)*)", command.help)
        assert found, words
        example = shlex.split(found[1])
        assert tuple(example[: len(words)]) == words
        assert taken(root, example)


def test_the_readme_names_every_technique(root: Any) -> None:
    text = README.read_text()
    for name in root.commands["quantum"].commands:
        assert f"qcot quantum {name} " in text
