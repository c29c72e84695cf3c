"""What an authority gives back, carried as a file: a CBOR array of statements, or one statement by itself.

An answer holds the certificate that was asked for, as the last; before it the issuers', and for a bridge the gateways'.
A revocation travels the same way.
"""

from __future__ import annotations

from pathlib import Path

from qcot.authority.store import AuthorityStore
from qcot.bridge import spool
from qcot.certificates import certificate, revocation
from qcot.certificates.certificate import Certificate, Role
from qcot.certificates.register import Register
from qcot.crypto import cbor, cose
from qcot.errors import Problem, QcotError
from qcot.home import KEY_LOST, Home, write_whole

BAD_ANSWER = Problem("bad-answer", "Ask the authority for the answer again: `qcot authority issue` writes it.")
NOT_OURS = Problem(
    "certificate-of-another-key", "Install it in the home that asked for it; here, run `qcot certificate request` anew."
)
NO_BRIDGE = Problem(
    "no-bridge-here", "Install it in the home of a bridge: bridges are what puts revocations on the ledger."
)
MAX_STATEMENTS = 64


def answer_to(store: AuthorityStore, found: Certificate, now: int) -> bytes:
    """What goes back to who asked for ``found``."""
    wanted = {Role.ISSUER, Role.GATEWAY} if found.role is Role.BRIDGE else {Role.ISSUER}
    others = [
        each.raw
        for each in store.issued()
        if each.role in wanted and not each.revoked and each.not_after > now and each.raw != found.raw
    ]
    return cbor.encode([*others[1 - MAX_STATEMENTS :], found.raw])


def install(home: Home, raw: bytes, now: int) -> tuple[list[Certificate], int]:
    """Put the certificates of an answer into their places; all are checked before the first is written.

    Revocations in it go to this home's bridge, which puts them on the ledger. Gives the certificates that were
    installed and the number of revocations.

    Raises QcotError `bad-answer`, `certificate-of-another-key`, `no-bridge-here`, or why a statement does not hold.
    """
    register = Register(home.root(), home.settings().site)
    for known in home.issuers():
        register = register.admit(known, now)
    found: list[Certificate] = []
    revocations: list[bytes] = []
    for statement in _statements(raw):
        if cose.content_type(statement) == revocation.CONTENT_TYPE:
            register = register.revoke(statement, at_s=now)
            revocations.append(statement)
        else:
            register = register.admit(statement, now)
            found.append(certificate.parse(statement))
    if revocations and "bridge" not in home.parts():
        raise QcotError(NO_BRIDGE, f"{home.path} has no bridge to take a revocation")
    places = [(_place(home, each, is_asked=each is found[-1]), each) for each in found]
    for place, each in places:
        if place is not None:
            keep(home, place, each)
            home.request_file(place).unlink(missing_ok=True)
    for statement in revocations:
        publish(home, statement)
    return [each for place, each in places if place is not None], len(revocations)


def publish(home: Home, statement: bytes) -> bool:
    """Hand a statement to the bridge of ``home``, which puts it on the ledger; False where there is none."""
    if "bridge" not in home.parts():
        return False
    spool.submit(home.path, statement)
    return True


def keep(home: Home, part: str, found: Certificate) -> None:
    """Write a certificate to its place; an issuer's or gateway's that was there stays beside the newer one."""
    file = home.certificate_file(part)
    if part in ("issuer", "gateway") and (old := _certificate_in(file)) is not None:
        if old.raw == found.raw:
            return
        older, found = sorted((old, found), key=lambda each: (each.issued_at, each.serial))
        write_whole(home.certificate_file(f"{part}-{older.serial.hex()[:16]}"), older.raw)
    write_whole(file, found.raw)


def _certificate_in(file: Path) -> Certificate | None:
    """The certificate that ``file`` holds; of what is damaged nothing is worth keeping."""
    try:
        return certificate.parse(file.read_bytes()) if file.exists() else None
    except QcotError:
        return None


def _place(home: Home, found: Certificate, *, is_asked: bool) -> str | None:
    """Where a certificate belongs in this home, or None where it came along and is not needed here."""
    match found.role:
        case Role.ISSUER:
            return "issuer"
        case Role.BOARD:
            return f"boards/{found.name}"
        case Role.WITNESS:
            return f"witnesses/{found.kid.hex()}"  # its name may have slashes
    part = str(found.role)
    for each in (part, f"{part}.next"):
        if _kid_of(home, each) == found.kid:
            return each
    if part not in home.parts() and found.role is Role.GATEWAY:
        return part if found.name == home.settings().gateway.name else f"gateways/{found.name}"
    if is_asked:
        raise QcotError(NOT_OURS, f"it is of {found.role} {found.name}, key {found.kid.hex()}, which is not here")
    return None


def _kid_of(home: Home, part: str) -> bytes | None:
    """Whose key ``part`` has here; where that is a credential of a service, its certificate tells."""
    try:
        return home.key(part).public_key.kid
    except QcotError as error:
        if error.problem is not KEY_LOST:
            raise
    file = home.certificate_file(part)
    return certificate.parse(file.read_bytes()).kid if file.exists() else None


def _statements(raw: bytes) -> list[bytes]:
    """An answer taken apart; one statement by itself is one too."""
    try:
        held = [raw] if raw[:1] == b"\xd2" else cbor.decode(raw)
    except QcotError as error:
        raise QcotError(BAD_ANSWER, error.reason) from error
    if not isinstance(held, list) or not 1 <= len(held) <= MAX_STATEMENTS or not all(type(e) is bytes for e in held):
        raise QcotError(BAD_ANSWER, f"not an array of 1 to {MAX_STATEMENTS} certificates and revocations")
    return held
