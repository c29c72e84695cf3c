"""Groups whose commands are loaded when they are run: a command line must answer at once, its overview too."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Place(NamedTuple):
    """Where a command is, a function or a Typer in `COMMANDS` of ``module``, and the first paragraph of its help."""

    module: str
    summary: str


class LazyGroup(TyperGroup):
    """Lists its commands as they are placed; loads the module of the one that is run, and of no other."""

    places: ClassVar[Mapping[str, Place]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=each.summary) for name, each in self.places.items()}
        self._loaded: set[str] = set()

    def load(self, words: Sequence[str]) -> None:
        """Load the command that ``words`` begin with, in groups like this one the next as well."""
        if not words or words[0] not in self.places:
            return
        name = words[0]
        if name not in self._loaded:
            self.commands[name] = _made(name, self.places[name].module)
            self._loaded.add(name)
        below = self.commands[name]
        if isinstance(below, LazyGroup):
            below.load(words[1:])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command to be run."""
        self.load(args[:1])
        return super().resolve_command(ctx, args)


def lazy(places: Mapping[str, Place]) -> type[LazyGroup]:
    """The class of a group of these commands, `cls` of its Typer."""
    return type("Commands", (LazyGroup,), {"places": places})


def _made(name: str, module: str) -> Any:
    command = importlib.import_module(module).COMMANDS[name]
    holder = typer.Typer(rich_markup_mode="markdown")
    if isinstance(command, typer.Typer):
        holder.add_typer(command, name=name)
    else:
        holder.command(name)(command)
    return typer.main.get_group(holder).commands[name]
