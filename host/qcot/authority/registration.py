"""How a home gets its certificates (docs/registration.md): at once where its authority is, else by files.

What goes to an authority elsewhere is a request, sealed to its key; what comes back is an answer (answers.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qcot.authority.answers import keep, publish
from qcot.authority.problems import AUTHORITY_MISSING
from qcot.authority.store import AuthorityStore
from qcot.boards.registry import BoardRegistry, EnrolledBoard
from qcot.certificates import certificate, request, rotation
from qcot.certificates.authority import AuthorityKeys
from qcot.certificates.certificate import Certificate, Channel, LogClaims, Role
from qcot.certificates.possession import SigningBoard
from qcot.certificates.problems import CERTIFICATE_REVOKED, CERTIFICATE_WRONG_SITE
from qcot.certificates.register import Register
from qcot.crypto import keyfile
from qcot.errors import Problem, QcotError
from qcot.home import Home, create_home, write_whole
from qcot.settings import Settings

NO_PROOF = Problem("possession-not-shown", "Run `qcot enroll` on the board again: it asks for the proof anew.")
BOARD_REVOKED = Problem(
    CERTIFICATE_REVOKED.name, "Erase the board (D12 to GND in a reset) and enrol it again: it gets a new id and key."
)
KEY_ELSEWHERE = Problem(
    "key-elsewhere", "Rotate where the key is a file of the home; the new one can become a credential afterwards."
)

ROLES = {"bridge": Role.BRIDGE, "gateway": Role.GATEWAY}
WINDOW_S = 60
"""For how long one command hears its own request where no window is open."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was written to ``file`` and waits to be carried to the authority; ``kid`` says whose it is."""

    file: Path
    kid: bytes


Outcome = Certificate | Asked


def found(path: Path, settings: Settings, now: int) -> Home:
    """Make a home with an authority, a bridge and a gateway, certified; run again after a crash, it goes on.

    Raises QcotError `home-...`, `authority-...`, `key-file-...`, `certificate-wrong-site`.
    """

    def complete(home: Home) -> None:
        is_there = (home.authority / "issued.sqlite").exists()
        with (
            AuthorityStore(home.authority)
            if is_there
            else AuthorityStore.create(home.authority, site=settings.site, now=now) as store
        ):
            if store.site != settings.site:
                raise QcotError(CERTIFICATE_WRONG_SITE, f"the authority that was begun here is of site {store.site}")
            write_whole(home.authority_file, store.public.text.encode())
            for part in ROLES:
                _certify(home, settings, part, store, now)

    return create_home(path, settings, complete=complete)


def join(
    path: Path, settings: Settings, keys: AuthorityKeys, parts: Collection[str], now: int
) -> tuple[Home, list[Asked]]:
    """Make a home whose authority is elsewhere, with a key and a sealed request for each of ``parts``.

    Raises QcotError `home-...`, `key-file-...`, `certificate-wrong-site`.
    """
    asked: list[Asked] = []

    def complete(home: Home) -> None:
        if keys.site != settings.site:
            raise QcotError(CERTIFICATE_WRONG_SITE, f"the authority is of site {keys.site}, not {settings.site}")
        write_whole(home.authority_file, keys.text.encode())
        asked.extend(_ask(home, part, _key_request(home, settings, part, now)) for part in parts)

    return create_home(path, settings, parts=parts, complete=complete), asked


def authority_of(home: Home) -> AuthorityStore:
    """The authority in ``home``; raises `authority-missing`."""
    if not has_authority(home):
        raise QcotError(AUTHORITY_MISSING, f"{home.path} holds no authority")
    return AuthorityStore(home.authority)


def has_authority(home: Home) -> bool:
    """Whether the authority is in this home."""
    return (home.authority / "issued.sqlite").exists()


@contextmanager
def window_for_one(store: AuthorityStore, now: int) -> Iterator[None]:
    """Hear requests for as long as this lasts, a minute at most; a window that the operator opened stays as it is."""
    if store.window(now) is not None:
        yield
        return
    store.open_window(WINDOW_S, now)
    try:
        yield
    finally:
        store.close_window()


def certify(home: Home, part: str, now: int) -> Outcome:
    """A certificate for the key of ``part`` (bridge, gateway, or their ``.next``): issued here, or asked for.

    Raises QcotError `key-lost`, `no-authority`, or what the authority refuses.
    """
    settings = home.settings()
    if not has_authority(home):
        return _ask(home, part, _key_request(home, settings, part, now))
    with authority_of(home) as store:
        return _certify(home, settings, part, store, now)


def register_board(home: Home, board: EnrolledBoard, now: int, *, replace: bool = False) -> Outcome:
    """A certificate for an enrolled ``board``: one that is here and fits this bridge, issued here, or asked for.

    A board that has made a key of its own, or was calibrated, is certified anew: what its readings stand for is
    what the certificate says. ``replace`` allows another key than it was certified with, where that is decided here.

    Raises QcotError `possession-not-shown`, `key-...`, `no-authority`, or what the authority refuses.
    """
    registry, settings, part = BoardRegistry(home.path), home.settings(), f"boards/{board.device.hex()}"
    known, own = standing(home, part, now), _own_key(registry, board.device)
    channels = tuple(Channel(c.name, c.unit, c.num, c.den, c.offset) for c in board.channels)
    if known is not None and known.board is not None and known.bridge in (None, settings.bridge.name):
        is_named = own is None or known.board.lms == own.public
        if is_named and known.board.channels == channels:
            return known
    proof = registry.proof(board.device)
    if proof is None:
        raise QcotError(
            NO_PROOF, f"nothing is kept here in which board {board.device.hex()} proves that it has its key"
        )
    raw = request.for_board(
        home.bridge_key(), site=settings.site, device=board.device, time=now, device_key=registry.key(board.device),
        challenge=proof.challenge, frame=proof.frame, model=board.model, firmware=bytes(board.firmware),
        channels=channels, policy=settings.policy, lms=own,
    )  # fmt: skip
    if not has_authority(home):
        return _ask(home, part, raw)
    try:
        with authority_of(home) as store, window_for_one(store, now):
            made = store.issue(request.seal(raw, store.public.kem), now, replace=replace)
    except QcotError as error:
        raise QcotError(BOARD_REVOKED, error.reason) if error.problem is CERTIFICATE_REVOKED else error from error
    keep(home, part, made)
    return made


def _own_key(registry: BoardRegistry, device: bytes) -> SigningBoard | None:
    """The board's own key, once the board has signed with it."""
    signer = registry.signer(device)
    if signer is None or signer.public is None or signer.proof is None:
        return None
    proof = signer.proof
    return SigningBoard(signer.public, proof.epoch, proof.seq, proof.link, proof.signature)


def rotate(home: Home, part: str, now: int) -> Outcome:
    """A new key for ``part`` and its certificate, issued here or asked for; then the new key takes the old one's place.

    A bridge does that by itself, once its rotation is on the ledger; a gateway when it is started again. Run again, it
    goes on where it stopped. Raises `key-elsewhere`, or as :func:`certify`.
    """
    following = f"{part}.next"
    if not home.key_file(part).exists():
        raise QcotError(KEY_ELSEWHERE, f"{home.key_file(part)} is not there")
    held = standing(home, following, now)
    if part == "gateway" and held is not None and held.kid == home.key(part).public_key.kid:
        _succeed(home, part, held)
        return held
    if not home.key_file(following).exists():
        keyfile.create(home.key_file(following))
    found: Outcome = held or certify(home, following, now)
    if isinstance(found, Certificate) and part == "gateway":
        home.key_file(following).replace(home.key_file(part))
        keyfile.sync_folder(home.keys)
        _succeed(home, part, found)
    elif isinstance(found, Certificate):
        key, old = home.key(following), home.key(part).public_key.kid
        publish(home, rotation.build(key, site=found.site, old=old, certificate=found.hash, time=now))
    return found


def _succeed(home: Home, part: str, found: Certificate) -> None:
    """The certificate of the key that took over takes its place; the old one stays for what the old key signed."""
    keep(home, part, found)
    home.certificate_file(f"{part}.next").unlink()


def standing(home: Home, part: str, now: int) -> Certificate | None:
    """The certificate of ``part`` that is here, if the issuers that are here stand behind it now."""
    file = home.certificate_file(part)
    if not file.exists():
        return None
    register = Register(home.root(), home.settings().site)
    try:
        for raw in (*home.chain(), file.read_bytes()):
            register = register.admit(raw, now)
        for raw in taken_back(home):
            register = register.revoke(raw, check=False)
        found = certificate.parse(file.read_bytes())
    except QcotError:
        return None
    return found if register.standing(found, now) is None else None


def taken_back(home: Home) -> tuple[bytes, ...]:
    """The revocations that are known without a ledger: where the authority is, all of them."""
    if not has_authority(home):
        return ()
    with authority_of(home) as store:
        return store.revocations()


def _certify(home: Home, settings: Settings, part: str, store: AuthorityStore, now: int) -> Certificate:
    keep(home, "issuer", store.issuer())
    with window_for_one(store, now):
        made = store.issue(_key_request(home, settings, part, now), now, replace=_is_next(part))
    keep(home, part, made)
    return made


def _is_next(part: str) -> bool:
    return part.endswith(".next")


def _key_request(home: Home, settings: Settings, part: str, now: int) -> bytes:
    """A request of the key of ``part`` for itself, not sealed."""
    role = ROLES[part.partition(".")[0]]
    is_bridge = role is Role.BRIDGE
    return request.for_key(
        home.key(part),
        role=role,
        site=settings.site,
        name=settings.bridge.name if is_bridge else settings.gateway.name,
        time=now,
        policy=settings.policy if is_bridge else None,
        log=None if is_bridge else LogClaims(settings.log_origin, settings.gateway.quorum, settings.gateway.witnesses),
    )


def _ask(home: Home, part: str, raw: bytes) -> Asked:
    file = home.request_file(part)
    write_whole(file, request.seal(raw, home.authority_keys().kem))
    file.chmod(0o600)
    kid = home.key(part).public_key.kid if part.partition(".")[0] in ROLES else bytes.fromhex(Path(part).name)
    return Asked(file, kid)
