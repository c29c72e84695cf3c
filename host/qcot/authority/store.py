"""The authority of a site: who gets a certificate, who loses it, and what the root signs.

A certificate is recorded before it is given out, and the same request again gives the same certificate. Requests are
heard only while the operator's window is open; it is closed by default, and its end is on disk. All but anchors, a new
issuer and an issuer's revocation works while root.key is away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from qcot.authority.enrolment import board_claims
from qcot.authority.keys import Keys
from qcot.authority.problems import (
    ANCHOR_BEHIND,
    ANCHOR_CONFLICT,
    ANCHOR_UNPROVEN,
    AUTHORITY_EXISTS,
    AUTHORITY_IO,
    BAD_VALIDITY,
    BAD_WINDOW,
    DEVICE_TAKEN,
    ISSUER_UNFIT,
    LMS_KEY_CHANGED,
    LMS_LEAF_REUSED,
    LMS_UNPROVEN,
    NAME_TAKEN,
    NO_SUCH_CERTIFICATE,
    REASON_UNKNOWN,
    REQUEST_STALE,
    REQUEST_UNSEALED,
    WINDOW_CLOSED,
)
from qcot.authority.records import Issued, Records
from qcot.certificates import authority as authority_
from qcot.certificates import certificate as certificate_
from qcot.certificates import request as request_
from qcot.certificates import revocation as revocation_
from qcot.certificates.authority import AuthorityKeys
from qcot.certificates.certificate import Certificate
from qcot.certificates.claims import Claims, Role
from qcot.certificates.possession import SigningBoard
from qcot.certificates.problems import CERTIFICATE_WRONG_SITE
from qcot.certificates.register import Register
from qcot.certificates.request import BoardRequest, KeyRequest
from qcot.crypto.merkle import is_consistent
from qcot.crypto.signing import PublicKey, SigningKey
from qcot.errors import QcotError
from qcot.ledger import anchor as anchor_

DAY = 86_400
VALIDITY = {
    Role.ISSUER: 3650 * DAY,
    Role.BRIDGE: 730 * DAY,
    Role.GATEWAY: 730 * DAY,
    Role.WITNESS: 730 * DAY,
    Role.BOARD: 1826 * DAY,
}
"""Seconds that a certificate holds by default; never beyond its issuer's."""
MAX_VALIDITY = 30 * 365 * DAY
MAX_WINDOW = 7 * DAY
MAX_AGE = 7 * DAY
"""How old a request may be: it may be carried by hand."""
SKEW = 300
"""How far clocks may differ: certificates hold from that long ago, requests may be from that far ahead."""
_ISSUER_SKEW = 3600


class AuthorityStore:
    """The authority in ``folder`` (HOME/authority). Times are POSIX seconds, ``now`` the operator's clock."""

    def __init__(self, folder: Path) -> None:
        self._keys = Keys(folder)
        self._records = Records(folder / "issued.sqlite")
        self.public: AuthorityKeys = authority_.parse(self._records.value("authority") or "")

    @classmethod
    def create(cls, folder: Path, *, site: str, now: int, name: str = "authority") -> AuthorityStore:
        """A new root, issuing key and sealing key, the root's signatures on both; run again after a crash, it goes on.

        Raises QcotError `authority-exists`, `authority-io`, `key-file-...`, `bad-...`.
        """
        path = folder / "issued.sqlite"
        if path.exists():
            raise QcotError(AUTHORITY_EXISTS, f"{folder} holds an authority already")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise QcotError(AUTHORITY_IO, f"{folder}: {error.strerror}") from error
        keys = Keys(folder)
        root = keys.create_root()
        public = authority_.build(root, site=site, kem=keys.create_kem().public_key, time=now)
        issuer = _issuer(root, keys.create_issuing().public_key, site, name, now)
        meta = {"authority": public.text, "issuer": issuer.kid.hex(), "name": name}
        Records.create(path, meta, issuer).close()
        return cls(folder)

    @property
    def site(self) -> str:
        """The site that it certifies for."""
        return self.public.site

    @property
    def root(self) -> PublicKey:
        """The root's public key."""
        return self.public.root

    def issuer(self) -> Certificate:
        """The certificate of the issuing key in use."""
        kid = bytes.fromhex(self._records.value("issuer") or "")
        return [each for each in self._certificates(kid) if each.kid == kid][-1]

    # The operator's window

    def open_window(self, seconds: int, now: int) -> int:
        """Hear requests for ``seconds`` from now; gives the time of its end. Raises `bad-window`."""
        if not 1 <= seconds <= MAX_WINDOW:
            raise QcotError(BAD_WINDOW, f"{seconds} s")
        with self._records.writing():
            self._records.put("window", f"{now} {now + seconds}")
        return now + seconds

    def close_window(self) -> None:
        """Hear no more requests."""
        with self._records.writing():
            self._records.put("window", "0 0")

    def window(self, now: int) -> int | None:
        """When the window ends, or None where it is closed; a clock set back before its beginning finds it closed."""
        begins, ends = map(int, (self._records.value("window") or "0 0").split())
        return ends if begins <= now < ends else None

    # Certificates

    def read(self, raw: bytes) -> KeyRequest | BoardRequest:
        """What a request, sealed or plain, asks for; nothing is verified. Raises `request-...` or `bad-...`."""
        return request_.parse(self._opened(raw))

    def issue(self, raw: bytes, now: int, *, validity: int | None = None, replace: bool = False) -> Certificate:
        """The certificate for a request, sealed or (of a key) plain, on disk before this returns.

        It holds for ``validity`` seconds (by role, :data:`VALIDITY`), at most as long as the issuer's. ``replace``
        allows a name that another key still holds, and another LMS key than a board was certified with.

        Raises QcotError `window-closed`, `request-...`, `certificate-...`, `name-taken`, `device-taken`,
        `possession-unproven`, `lms-...`, `issuer-...`, `bad-...`.
        """
        inner = self._opened(raw)
        request = request_.parse(inner)
        if isinstance(request, BoardRequest) and inner is raw:
            raise QcotError(REQUEST_UNSEALED, f"the request for board {request.device.hex()} is not sealed")
        with self._records.writing():
            known = self._records.by_request(request.hash)
            if known is not None:
                return self._again(certificate_.parse(known))
            if self.window(now) is None:
                raise QcotError(WINDOW_CLOSED, "no window is open in which requests are heard")
            self._require_timely(request, now)
            claims = (
                self._of_board(request, now, replace)
                if isinstance(request, BoardRequest)
                else self._of_key(request, now, replace)
            )
            return self._sign(claims, now, validity, request.hash)

    def board_key(self, device: bytes) -> bytes | None:
        """The LMS key that was certified last of a board, whether that certificate holds or not."""
        held = [each.board.lms for each in self._certificates(device) if each.kid == device and each.board is not None]
        return next((each for each in reversed(held) if each is not None), None)

    def revoke(self, serial: bytes, reason: str, now: int) -> bytes:
        """The revocation of a certificate, recorded; again, the same. An issuer's takes the root key.

        Raises QcotError `no-such-certificate`, `reason-unknown`, `root-...`, `issuer-...`.
        """
        if reason not in revocation_.REASONS:
            raise QcotError(REASON_UNKNOWN, f"{reason!r}; there are {', '.join(revocation_.REASONS)}")
        with self._records.writing():
            raw = self._records.certificate(serial)
            if raw is None:
                raise QcotError(NO_SUCH_CERTIFICATE, f"serial {serial.hex()}")
            known = self._records.revocation(serial, reason)
            if known is not None:
                return known
            is_issuer = certificate_.parse(raw).role is Role.ISSUER
            key = self._keys.root(self.root) if is_issuer else self._issuing(now)
            made = revocation_.build(key, site=self.site, serial=serial, time=now, reason=reason)
            self._records.revoke(serial, reason, now, made)
            return made

    def rotate_issuer(self, now: int) -> Certificate:
        """A new issuing key, certified by the root; the old one's secret is gone when this returns.

        What the old key signed stays good: revoke its certificate if it should not. Raises `root-...`, `key-file-...`.
        """
        root = self._keys.root(self.root)
        with self._records.writing():
            key = self._keys.create_next().public_key
            if key.kid.hex() == self._records.value("issuer"):  # an earlier rotation stopped before its last step
                self._keys.promote_next()
                key = self._keys.create_next().public_key
            made = _issuer(root, key, self.site, self._records.value("name") or "authority", now)
            self._records.insert(made, None)
            self._records.put("issuer", made.kid.hex())
        self._keys.promote_next()
        return made

    def issued(self) -> tuple[Issued, ...]:
        """All that was issued, in order."""
        return self._records.issued()

    def revocations(self) -> tuple[bytes, ...]:
        """All revocations, in order."""
        return tuple(self._records.revocations())

    # Anchors

    def anchor(self, *, origin: str, size: int, root: bytes, now_ms: int, consistency: Sequence[bytes] = ()) -> bytes:
        """The root key's signature over a log's tree, recorded; again for the same tree, the same. ``now_ms`` in ms.

        ``consistency`` is the RFC 9162 proof from the tree of :meth:`last_anchor` to this one; the caller has checked
        the checkpoint.

        Raises QcotError `anchor-behind`, `anchor-conflict`, `anchor-unproven`, `bad-anchor`, `root-...`.
        """
        with self._records.writing():
            last = self._records.last_anchor(origin)
            if last is not None:
                last_size, last_root, raw = last
                if (size, root) == (last_size, last_root):
                    return raw
                if size < last_size:
                    raise QcotError(ANCHOR_BEHIND, f"{size} leaves; a tree of {last_size} is anchored already")
                if size == last_size:
                    raise QcotError(ANCHOR_CONFLICT, f"of {size} leaves the root {last_root.hex()} is anchored")
                if not is_consistent(last_size, size, last_root, root, consistency):
                    raise QcotError(ANCHOR_UNPROVEN, f"no proof that these leaves begin with the {last_size} anchored")
            made = anchor_.build(self._keys.root(self.root), origin=origin, size=size, root=root, time=now_ms)
            self._records.anchored(origin, size, root, made)
            return made

    def last_anchor(self, origin: str) -> anchor_.Anchor | None:
        """The newest anchor of a log."""
        last = self._records.last_anchor(origin)
        return anchor_.parse(last[2]) if last else None

    def close(self) -> None:
        """Give the file back."""
        self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # How

    def _opened(self, raw: bytes) -> bytes:
        return request_.open_sealed(raw, self._keys.kem()) if request_.is_sealed(raw) else raw

    def _require_timely(self, request: KeyRequest | BoardRequest, now: int) -> None:
        if request.site != self.site:
            raise QcotError(CERTIFICATE_WRONG_SITE, f"the request is for site {request.site}, this is {self.site}")
        if not now - MAX_AGE <= request.time <= now + SKEW:
            raise QcotError(REQUEST_STALE, f"made at {request.time}, it is {now}")

    def _again(self, found: Certificate) -> Certificate:
        """What was given for a request before, unless it was taken back."""
        error = self._register(found.kid).standing(found, found.not_before)
        if error is not None:
            raise error
        return found

    def _of_key(self, request: KeyRequest, now: int, replace: bool) -> Claims:
        request.verify()
        holder = self._records.holder(request.role, request.name, now)
        if holder not in (None, request.key.kid) and not replace:
            raise QcotError(NAME_TAKEN, f"{request.role} {request.name} is the key {holder.hex()}")
        return Claims(request.role, self.site, request.name, request.key, now, now + 1, request.policy, log=request.log)

    def _of_board(self, request: BoardRequest, now: int, replace: bool) -> Claims:
        bridge = self._register(request.bridge).require(request.bridge, Role.BRIDGE, now)
        assert bridge.key is not None  # of this role, its parser saw to it
        request.verify(bridge.key)
        board = board_claims(request)
        known = self._register(request.device).board(request.device)
        if known is not None and known.board is not None and known.board.commitment != board.commitment:
            raise QcotError(DEVICE_TAKEN, f"board {request.device.hex()} was certified with another key")
        if request.lms is not None:
            before = self.board_key(request.device)
            if before not in (None, request.lms.public) and not replace:
                raise QcotError(
                    LMS_KEY_CHANGED, f"board {request.device.hex()} was certified with the key {before.hex()}, this is "
                    f"{request.lms.public.hex()}"
                )  # fmt: skip
            self._note_signed(request.device, request.lms)
        return Claims(
            Role.BOARD, self.site, request.device.hex(), None, now, now + 1, request.policy or bridge.policy, board,
            bridge=bridge.name,
        )  # fmt: skip

    def _note_signed(self, device: bytes, said: SigningBoard) -> None:
        """What a key signed is shown again as it was; a leaf that signs another thing has given the key away."""
        key, signed = (sha256(each).digest() for each in (said.public, said.signature))
        holder, before = self._records.signed(key, said.leaf) or (device, None)
        if holder != device:
            raise QcotError(LMS_UNPROVEN, f"the LMS key is that of board {holder.hex()}")
        if before not in (None, signed):
            raise QcotError(LMS_LEAF_REUSED, f"leaf {said.leaf} of board {device.hex()} signed something else before")
        self._records.put_signed(key, said.leaf, device, signed)

    def _sign(self, claims: Claims, now: int, validity: int | None, request: bytes) -> Certificate:
        """Sign, see that a register would admit it, record."""
        key, issuer = self._issuing(now), self.issuer()
        seconds = VALIDITY[claims.role] if validity is None else validity
        if not 60 <= seconds <= MAX_VALIDITY:
            raise QcotError(BAD_VALIDITY, f"{seconds} s")
        begins, ends = max(now - SKEW, issuer.not_before), min(now + seconds, issuer.not_after)
        claims = dataclasses.replace(claims, not_before=begins, not_after=ends, issued_at=now)
        made = certificate_.parse(certificate_.issue(key, claims))
        register = self._register(made.kid).admit(made.raw, now)
        error = register.standing(made, now)
        if error is not None:
            raise error
        self._records.insert(made, request)
        return made

    def _issuing(self, now: int) -> SigningKey:
        issuer = self.issuer()
        error = self._register(issuer.kid).standing(issuer, now)
        if error is not None:
            raise QcotError(ISSUER_UNFIT, str(error))
        return self._keys.issuing(issuer.kid)

    def _register(self, kid: bytes) -> Register:
        """The issuers and the holder ``kid``, and all revocations: what was issued here was checked here."""
        register = Register(self.root, self.site)
        for each in self._records.certificates(kid):
            register = register.admit(each, 0, check=False)
        for each in self._records.revocations():
            register = register.revoke(each, check=False)
        return register

    def _certificates(self, kid: bytes) -> list[Certificate]:
        return [certificate_.parse(each) for each in self._records.certificates(kid)]


def _issuer(root: SigningKey, key: PublicKey, site: str, name: str, now: int) -> Certificate:
    begins = max(now - _ISSUER_SKEW, 0)
    claims = Claims(Role.ISSUER, site, name, key, begins, now + VALIDITY[Role.ISSUER], issued_at=now)
    return certificate_.parse(certificate_.issue(root, claims))
