"""`qcot init`: a new home."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Annotated

import typer

from qcot.authority import registration
from qcot.authority.registration import Asked
from qcot.certificates import authority
from qcot.cli.certificate import Part, tell_asked
from qcot.cli.common import HomeOption, JsonOption, open_home, out, print_json, read_file
from qcot.home import Home, default_home
from qcot.settings import NAME_PATTERN, make_settings


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise typer.BadParameter(f"{text!r} is not 1 to 64 characters of a-z A-Z 0-9 _ -")
    return text


def init(
    home: HomeOption = None,
    site: Annotated[
        str | None, typer.Option(help="Name of this site.", parser=_name, metavar="NAME", show_default="home")
    ] = None,
    join: Annotated[
        Path | None, typer.Option(help="The authority.pub of an authority elsewhere, which this home joins.")
    ] = None,
    part: Annotated[
        list[Part] | None, typer.Option("--as", help="With --join, what is to run here.", show_default="bridge")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="With --join, the bridge's or gateway's name.", parser=_name, metavar="NAME"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a home: an authority, a bridge and a gateway, certified, and qcot.toml.

    With --join a home on another machine: keys, and sealed requests for the authority that there is.

    Example: `qcot init --site ward-3`, `qcot init --join authority.pub --as bridge --name bridge-2`
    """
    place, now = open_home(home), int(time.time())
    asked: list[Asked] = []
    if join is None:
        if part or name:
            raise typer.BadParameter("goes with --join only", param_hint="--as" if part else "--name")
        made = registration.found(place.path, make_settings({"site": site or "home"}, "the command line"), now)
    else:
        keys = authority.parse(read_file(join).decode("ascii", "replace"))
        if site not in (None, keys.site):
            raise typer.BadParameter(f"this authority is of site {keys.site}; leave it out", param_hint="--site")
        parts = [each.value for each in part or [Part.bridge]]
        named = {each: {"name": name} for each in parts} if name else {}
        settings = make_settings({"site": site or keys.site} | named, "the command line")
        made, asked = registration.join(place.path, settings, keys, parts, now)
    if as_json:
        print_json({
            "home": str(made.path), "settings": str(made.settings_file), "site": made.settings().site,
            "authority": made.root().kid, "requests": [str(each.file) for each in asked],
        })  # fmt: skip
        return
    out.print(f"home      {made.path}", markup=False, soft_wrap=True)
    out.print(f"settings  {made.settings_file}", markup=False, soft_wrap=True)
    if made.path != default_home() and "QCOT_HOME" not in os.environ:
        out.print(f"next      export QCOT_HOME={made.path.resolve()}", markup=False, soft_wrap=True)
    if join is None:
        _tell_root(made)
        out.print("next      qcot flash uno; qcot enroll --rate A0=100; qcot up")
    else:
        out.print(
            f"authority {made.authority_keys().fingerprint}: compare it with the operator's",
            markup=False,
            soft_wrap=True,
        )
        for each in asked:
            tell_asked(each)


def _tell_root(made: Home) -> None:
    """Where the one secret is that all others stand on."""
    root = made.authority / "root.key"
    out.print(f"root key  {root}", markup=False, soft_wrap=True)
    out.print("          it may go offline: only anchors, a new issuer and an issuer's revocation take it")


COMMANDS = {"init": init}
