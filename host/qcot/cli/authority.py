"""`qcot authority ...`: the operator's side: when requests are heard, who got a certificate, who lost it."""

from __future__ import annotations

import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from qcot.authority import answers
from qcot.authority.records import Issued
from qcot.authority.registration import authority_of
from qcot.authority.store import AuthorityStore
from qcot.certificates import request, revocation
from qcot.certificates.certificate import Certificate
from qcot.cli.common import HomeOption, JsonOption, open_home, out, print_json, print_table, read_file, write_file
from qcot.errors import Problem, QcotError
from qcot.home import Home

NOTHING_FOUND = Problem(
    "no-such-certificate", "Give more of the serial, a name or a board's id: `qcot authority list`."
)
SEVERAL_FOUND = Problem("which-certificate", "Give its serial, or the first digits of it that no other has.")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

app = typer.Typer(
    no_args_is_help=True,
    help="Where the authority is: hear requests, issue certificates, take them back.\n\n"
    "Example: `qcot authority window --for 10m; qcot authority issue bridge-2.request`",
)


def parse_duration(text: str) -> int:
    """Seconds of ``90``, ``90s``, ``10m``, ``8h`` or ``30d``; raises typer.BadParameter."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    if not match:
        raise typer.BadParameter(f"{text!r} is not a number with s, m, h or d, as in 10m")
    return int(match[1]) * UNITS[match[2] or "s"]


def when(seconds: int) -> str:
    """POSIX ``seconds`` for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def grouped(kid: bytes) -> str:
    """A key id for reading aloud: groups of four digits."""
    return " ".join(kid.hex()[at : at + 4] for at in range(0, 2 * len(kid), 4))


@app.command()
def window(
    lasting: Annotated[
        int | None,
        typer.Option("--for", parser=parse_duration, metavar="TIME", help="As 90s, 10m, 8h; seven days at most."),
    ] = None,
    close: Annotated[bool, typer.Option("--close", help="Close it now.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open the time in which requests are heard, close it, or say how it stands. It is closed by default.

    Example: `qcot authority window --for 10m`
    """
    now = _now()
    with authority_of(open_home(home)) as store:
        if close:
            store.close_window()
        elif lasting is not None:
            store.open_window(lasting, now)
        ends = store.window(now)
    if as_json:
        print_json({"open": ends is not None, "until": ends})
    else:
        out.print("closed: no request is heard" if ends is None else f"open until {when(ends)}")


@app.command()
def issue(
    file: Annotated[Path, typer.Argument(help="The request, as `qcot certificate request` or `qcot enroll` wrote it.")],
    to: Annotated[Path | None, typer.Option("--out", help="The answer's file. [default: FILE with .answer]")] = None,
    validity: Annotated[
        int | None,
        typer.Option("--for", parser=parse_duration, metavar="TIME", help="How long it holds; by role unless given."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="The name passes from the key that has it to this one, or a board's own key to another."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before issuing.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue the certificate that a request asks for, while the window is open, and write the answer to carry back.

    Compare the key that is shown with what the asking side was shown: whoever carries the file may have changed it.

    Example: `qcot authority issue bridge-2.request`
    """
    now, raw = _now(), read_file(file)
    answer = to or file.with_suffix(".answer")
    with authority_of(open_home(home)) as store:
        if not (yes or as_json) and sys.stdin.isatty():
            _confirm(store, raw)
        made = store.issue(raw, now, validity=validity, replace=replace)
        write_file(answer, answers.answer_to(store, made, now))
    if as_json:
        print_json(described(made) | {"answer": str(answer)})
        return
    out.print(f"issued    {made.role} {made.name}, until {when(made.not_after)}", markup=False)
    out.print(
        f"next      take {answer} back, and there: qcot certificate install {answer.name}", markup=False, soft_wrap=True
    )


def _confirm(store: AuthorityStore, raw: bytes) -> None:
    """Show who asks before anything is signed."""
    asked = store.read(raw)
    if isinstance(asked, request.BoardRequest):
        out.print(
            f"board {asked.device.hex()} ({asked.model}), asked for by bridge {grouped(asked.bridge)}", markup=False
        )
        if asked.lms is not None:
            before = store.board_key(asked.device)
            out.print(f"with a key of its own, {asked.lms.public.hex()}", markup=False, soft_wrap=True)
            if before not in (None, asked.lms.public):
                out.print(f"in the place of {before.hex()}", markup=False, soft_wrap=True)
    else:
        out.print(f"{asked.role} {asked.name}, key {grouped(asked.key.kid)}", markup=False)
        if asked.policy is not None:
            out.print(f"to sign under the policy {asked.policy}", markup=False)
        if asked.log is not None:  # who asks wrote that himself: see that it is what was agreed
            named = ", ".join(asked.log.cosigners) or "none"
            out.print(f"log {asked.log.origin}, cosigned by {asked.log.quorum} of {named}", markup=False)
    typer.confirm("issue a certificate?", abort=True)


def described(found: Certificate) -> dict[str, object]:
    """A certificate for machines."""
    return {
        "serial": found.serial, "role": str(found.role), "site": found.site, "name": found.name, "key": found.kid,
        "algorithm": found.key.algorithm.name if found.key else None, "issuer": found.issuer,
        "not_before": found.not_before, "not_after": found.not_after, "policy": found.policy,
        "log": found.log and {
            "origin": found.log.origin, "quorum": found.log.quorum, "cosigners": list(found.log.cosigners)
        },
    }  # fmt: skip


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show every certificate that was issued, and which were taken back.

    Example: `qcot authority list`
    """
    now = _now()
    with authority_of(open_home(home)) as store:
        held, fingerprint = store.issued(), store.public.fingerprint
    if as_json:
        print_json([
            {"serial": e.serial, "role": str(e.role), "name": e.name, "key": e.kid, "not_before": e.not_before,
             "not_after": e.not_after, "issued_at": e.issued_at, "revoked": list(e.revoked)}
            for e in held
        ])  # fmt: skip
        return
    out.print(f"root key {fingerprint}", markup=False)
    rows = [
        [str(e.role), e.name, e.serial.hex()[:16], e.kid.hex()[:16], when(e.not_after)[:10], _state(e, now)]
        for e in held
    ]
    print_table("", ["role", "name", "serial", "key", "until", ""], rows)


def _state(each: Issued, now: int) -> str:
    if each.revoked:
        return f"revoked: {each.revoked[-1]}"
    return "expired" if each.not_after <= now else ""


@app.command()
def revoke(
    which: Annotated[str, typer.Argument(help="Serial (or its beginning), name, or a board's id.")],
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(revocation.REASONS)}.")] = "ceased",
    to: Annotated[
        Path | None, typer.Option("--out", help="Where to write the revocation, to be carried to a bridge elsewhere.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a certificate back. It counts from where the revocation stands on the ledger; what was before stays good.

    Example: `qcot authority revoke 3f2a9c0011223344 --reason key-compromise`
    """
    place, now = open_home(home), _now()
    with authority_of(place) as store:
        found = _one(store.issued(), which)
        raw = store.revoke(found.serial, reason, now)
    told = answers.publish(place, raw)
    if to is not None:
        write_file(to, raw)
    if as_json:
        print_json({"serial": found.serial, "role": str(found.role), "name": found.name, "reason": reason,
                    "submitted": told, "file": None if to is None else str(to)})  # fmt: skip
        return
    out.print(f"revoked   {found.role} {found.name}, serial {found.serial.hex()}: {reason}", markup=False)
    if told:
        out.print("next      qcot up (or qcot bridge): the bridge here puts it on the ledger", markup=False)
    elif to is None:
        out.print("next      there is no bridge here: write it with --out, and install it where one is", markup=False)
    else:
        out.print(f"next      in the home of any bridge: qcot certificate install {to.name}", markup=False)


def _one(held: tuple[Issued, ...], which: str) -> Issued:
    """The certificate meant by ``which``: by serial also one that was revoked, by name the only one that was not."""
    wanted = which.lower()
    found = [e for e in held if len(wanted) >= 6 and e.serial.hex().startswith(wanted)]
    found = found or [e for e in held if e.name == which and not e.revoked]
    if not found:
        raise QcotError(NOTHING_FOUND, f"nothing that was issued is {which!r}")
    if len(found) > 1:
        raise QcotError(SEVERAL_FOUND, f"{which} may be " + ", ".join(f"{e.role} {e.serial.hex()}" for e in found))
    return found[0]


@app.command("rotate-issuer")
def rotate_issuer(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make a new issuing key and have the root certify it; this takes root.key.

    Certificates under the old one hold on. Do it before its time is over, and when somebody who had it leaves.

    Example: `qcot authority rotate-issuer`
    """
    place: Home = open_home(home)
    with authority_of(place) as store:
        made = store.rotate_issuer(_now())
    answers.keep(place, "issuer", made)
    if as_json:
        print_json(described(made))
        return
    out.print(f"issuer    key {grouped(made.kid)}, until {when(made.not_after)}", markup=False)
    out.print("next      nothing: its certificate goes out with each answer, and onto the ledger by the bridge here")


def _now() -> int:
    return int(time.time())


COMMANDS = {"authority": app}
