"""`qcot certificate ...`: the side that is certified: ask, install, look, take a new key."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qcot.authority import answers, registration
from qcot.authority.registration import Asked, Outcome
from qcot.certificates import certificate
from qcot.certificates.certificate import Certificate
from qcot.certificates.register import Register
from qcot.cli.authority import described, grouped, when
from qcot.cli.common import HomeOption, JsonOption, open_home, out, print_json, print_table, read_file
from qcot.errors import QcotError
from qcot.home import Home


class Part(StrEnum):
    """What of a home has a key of its own."""

    bridge = "bridge"
    gateway = "gateway"


app = typer.Typer(
    no_args_is_help=True,
    help="Certificates of this home: ask the authority, install what it answers, look, take a new key.\n\n"
    "Example: `qcot certificate request bridge`",
)
PartArgument = Annotated[Part, typer.Argument(help="Whose: bridge or gateway.")]


@app.command()
def request(part: PartArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Ask for a certificate of the bridge's or gateway's key, also to renew one.

    Where the authority is in this home it is issued at once; else a sealed file is written, to be carried there.

    Example: `qcot certificate request bridge`
    """
    tell(registration.certify(open_home(home), part.value, int(time.time())), as_json)


@app.command()
def install(
    file: Annotated[Path, typer.Argument(help="What `qcot authority issue` or `revoke` wrote.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put an answer's certificates into their places, all of them checked first; a bridge takes them to the ledger.

    Example: `qcot certificate install bridge.answer`
    """
    found, revocations = answers.install(open_home(home), read_file(file), int(time.time()))
    if as_json:
        print_json({"certificates": [described(each) for each in found], "revocations": revocations})
        return
    for each in found:
        out.print(f"installed {each.role} {each.name}, until {when(each.not_after)}", markup=False)
    if revocations:
        out.print(f"{revocations} revocations handed to the bridge here", markup=False)
    out.print("next      qcot bridge, or qcot gateway")


@app.command()
def show(
    file: Annotated[Path | None, typer.Argument(help="A .cert file; without it, all that this home has.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show this home's certificates, or one, and whether it holds now.

    Example: `qcot certificate show`
    """
    place = open_home(home)
    files = [file] if file is not None else sorted(place.certificates.rglob("*.cert"))
    rows = [(each, *_read(place, each)) for each in files]
    if as_json:
        print_json(
            [(described(each) if each else {}) | {"file": str(path), "state": state} for path, each, state in rows]
        )
        return
    out.print(f"authority {place.authority_keys().fingerprint}", markup=False)
    print_table(
        "",
        ["role", "name", "key", "until", "state"],
        [
            [str(each.role), each.name, each.kid.hex()[:16], when(each.not_after)[:10], state]
            if each
            else ["", path.name, "", "", state]
            for path, each, state in rows
        ],
    )


def _read(home: Home, file: Path) -> tuple[Certificate | None, str]:
    """What a file holds, and how it stands; one that is damaged must not hide the others."""
    raw = read_file(file)
    try:
        found = certificate.parse(raw)
    except QcotError as error:
        return None, error.problem.name
    return found, state_of(home, found)


def state_of(home: Home, found: Certificate) -> str:
    """``holds``, or the name of what is wrong with a certificate now, as far as this home knows."""
    now = int(time.time())
    register = Register(home.root(), home.settings().site)
    try:
        for raw in home.issuers():
            register = register.admit(raw, now)
        register = register.admit(found.raw, now)
        for raw in registration.taken_back(home):
            register = register.revoke(raw, check=False)
    except QcotError as error:
        return error.problem.name
    error_now = register.standing(found, now)
    return "holds" if error_now is None else error_now.problem.name


@app.command()
def rotate(part: PartArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Take a new key. A bridge's old key gives over to it on the ledger; a gateway uses it from its next start on.

    Where the authority is elsewhere, the new key's certificate is asked for first; run it again after installing it.

    Example: `qcot certificate rotate bridge`
    """
    outcome = registration.rotate(open_home(home), part.value, int(time.time()))
    tell(outcome, as_json)
    if not as_json and isinstance(outcome, Certificate):
        out.print(f"next      {_AFTER_ROTATION[part]}", markup=False, soft_wrap=True)


_AFTER_ROTATION = {
    Part.bridge: "nothing: the bridge takes it to the ledger, when it runs, and then uses the new key",
    Part.gateway: "start the gateway again; install certificates/gateway.cert where a bridge is elsewhere, and start "
    "that again; then qcot authority revoke OLD-SERIAL --reason superseded",
}


def tell(outcome: Outcome, as_json: bool) -> None:
    """Say that a certificate was issued, or what to do with the request for it."""
    if isinstance(outcome, Asked):
        if as_json:
            print_json({"request": str(outcome.file), "key": outcome.kid})
        else:
            tell_asked(outcome)
    elif as_json:
        print_json(described(outcome))
    else:
        out.print(f"issued    {outcome.role} {outcome.name}, until {when(outcome.not_after)}", markup=False)


def tell_asked(asked: Asked) -> None:
    """What a person does with a request that has to be carried."""
    out.print(f"request   {asked.file}, sealed to the authority", markup=False, soft_wrap=True)
    out.print(f"key       {grouped(asked.kid)}: the operator there compares it", markup=False, soft_wrap=True)
    out.print(
        f"next      take it to the authority: qcot authority window --for 10m; qcot authority issue {asked.file.name}; "
        "then here: qcot certificate install FILE",
        markup=False, soft_wrap=True,
    )  # fmt: skip


COMMANDS = {"certificate": app}
