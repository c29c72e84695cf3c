"""The register: which certificates a site's root stands behind, and which of them still hold.

A :class:`Register` never changes; each statement makes another that shares what did not change. Statements are applied
in the order of the ledger, so that what it answers at a leaf is what held there. Rules:

- An issuer's certificate is signed by the root; every other by an issuer that was admitted, is within its own
  validity, and was not revoked. None is valid beyond its issuer's validity.
- A holder (a key, or a board's device id) may have several certificates at once; one that is good is enough.
- A revocation is signed by an issuer, or by the root; an issuer's, by the root alone. It counts from where it stands
  on, also for a certificate that comes after it. With a reason that spoils the key, everything certified of
  that key and everything that it issued falls too.
- A rotation names an old key and the certificate of a new one, of the same role and name, and is signed by the new
  key in a transaction that the old key signed. From there on the old key is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from qcot.certificates import certificate as certificate_
from qcot.certificates import revocation as revocation_
from qcot.certificates import rotation as rotation_
from qcot.certificates.certificate import Certificate
from qcot.certificates.claims import Role
from qcot.certificates.problems import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET_VALID,
    CERTIFICATE_OUTLIVES_ISSUER,
    CERTIFICATE_REVOKED,
    CERTIFICATE_ROTATED,
    CERTIFICATE_UNKNOWN,
    CERTIFICATE_WRONG_NAME,
    CERTIFICATE_WRONG_ROLE,
    CERTIFICATE_WRONG_SITE,
    ISSUER_UNKNOWN,
    REVOCATION_UNAUTHORIZED,
    ROTATION_REFUSED,
    SERIAL_REUSED,
)
from qcot.certificates.revocation import Revocation
from qcot.crypto.signing import PublicKey
from qcot.errors import Problem, QcotError


@dataclass(frozen=True, slots=True)
class Register:
    """The certificates of ``site`` under ``root``. Build it with these two; the rest is what statements made."""

    root: PublicKey
    site: str
    _serials: Mapping[bytes, Certificate] = field(default_factory=dict)
    _holders: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)  # kid to serials, newest first
    _revoked: Mapping[bytes, tuple[Revocation, ...]] = field(default_factory=dict)  # by serial, known here or not
    _rotated: Mapping[bytes, bytes] = field(default_factory=dict)  # old kid to the hash of the new certificate

    # What statements do

    def admit(self, raw: bytes, at_s: int, check: bool = True) -> Register:
        """With one more certificate; one that is there already changes nothing.

        ``at_s`` is the POSIX second at which it comes; one that begins to be valid later is taken. ``check=False`` is
        for statements that were checked before they were stored.

        Raises QcotError `bad-...`, `certificate-wrong-site`, `serial-reused`, `issuer-unknown`, `certificate-forged`,
        `certificate-outlives-issuer`, `certificate-expired`, `certificate-revoked`, or what is wrong with its issuer.
        """
        found = certificate_.parse(raw)
        known = self._serials.get(found.serial)
        if known is not None and known.raw == raw:
            return self
        if check:
            self._require_site(found.site, f"certificate of {found.name}")
            if known is not None:
                _refuse(SERIAL_REUSED, f"{found.serial.hex()} is that of {known.role} {known.name}")
            self._require_issued(found, at_s)
            if at_s >= found.not_after:
                _refuse(CERTIFICATE_EXPIRED, f"{_who(found)} at {found.not_after}, it is {at_s}")
            self._require_unrevoked(found)
        return replace(
            self,
            _serials={**self._serials, found.serial: found},
            _holders={**self._holders, found.kid: (found.serial, *self._holders.get(found.kid, ()))},
        )

    def revoke(self, raw: bytes, check: bool = True, *, at_s: int | None = None) -> Register:
        """With one more revocation; one that is there already changes nothing.

        An issuer must be valid at ``at_s``, which is by default the time that the revocation names.

        Raises QcotError `bad-...`, `certificate-wrong-site`, `revocation-forged`, `revocation-unauthorized`.
        """
        found = revocation_.parse(raw)
        before = self._revoked.get(found.serial, ())
        if any(each.raw == raw for each in before):
            return self
        if check:
            self._require_site(found.site, f"revocation of {found.serial.hex()}")
            found.verify(self._revoker(found, found.time if at_s is None else at_s))
        return replace(self, _revoked={**self._revoked, found.serial: (*before, found)})

    def rotate(self, raw: bytes, by: bytes, check: bool = True) -> Register:
        """With one more rotation, ``by`` the kid that signed the transaction around it.

        That transaction is the old key's last: its signer is judged by the register as it was before the rotation.

        Raises QcotError `bad-...`, `certificate-wrong-site`, `certificate-unknown`, `rotation-refused`,
        `rotation-forged`.
        """
        found = rotation_.parse(raw)
        if self._rotated.get(found.old) == found.certificate:
            return self
        if check:
            self._require_site(found.site, f"rotation of {found.old.hex()}")
            old = self._one(found.old)
            new = next((each for each in self._of(found.new) if each.hash == found.certificate), None)
            if new is None or new.key is None:
                _refuse(CERTIFICATE_UNKNOWN, f"the new certificate {found.certificate.hex()}")
            found.verify(new.key)
            self._require_rotation(old, new, by)
        return replace(self, _rotated={**self._rotated, found.old: found.certificate})

    # What it answers

    def certificate(self, kid: bytes) -> Certificate | None:
        """The newest certificate of the holder ``kid``, whether it still holds or not."""
        return next(iter(self._of(kid)), None)

    def board(self, device: bytes) -> Certificate | None:
        """The newest certificate of the board ``device`` (8 bytes), whether it still holds or not."""
        return self.certificate(device)

    def of_role(self, role: Role, at_s: int | None = None) -> tuple[Certificate, ...]:
        """All certificates of ``role`` in the order they came, or with ``at_s`` those that hold then."""
        found = (each for each in self._serials.values() if each.role is role)
        return tuple(each for each in found if at_s is None or self.standing(each, at_s) is None)

    def require(self, kid: bytes, role: Role, at_s: int, name: str | None = None) -> Certificate:
        """A certificate of the holder ``kid`` (of a board, its device id) that holds at ``at_s``, POSIX seconds.

        Raises QcotError `certificate-unknown`, `-wrong-role`, `-wrong-name`, `-revoked`, `-rotated`, `-not-yet-valid`
        or `-expired`: where several certificates fail, what is wrong with the newest.
        """
        refusal: QcotError | None = None
        for found in self._of(kid):
            error = self._unfit(found, role, name) or self.standing(found, at_s)
            if error is None:
                return found
            refusal = refusal or error
        raise refusal or QcotError(CERTIFICATE_UNKNOWN, f"no certificate of {kid.hex()} in the register")

    def holding(self, kid: bytes, role: Role, at_s: int) -> tuple[Certificate, ...]:
        """All certificates of the holder ``kid`` that hold at ``at_s``, newest first."""
        return tuple(each for each in self._of(kid) if each.role is role and self.standing(each, at_s) is None)

    def chain(self, kid: bytes) -> tuple[Certificate, ...]:
        """The newest certificate of ``kid`` and its issuer's (of an issuer, its own alone).

        Raises QcotError `certificate-unknown`.
        """
        leaf = self._one(kid)
        return (leaf,) if leaf.role is Role.ISSUER else (leaf, self._issuer_of(leaf))

    def standing(self, found: Certificate, at_s: int) -> QcotError | None:
        """Why an admitted certificate does not hold at ``at_s``, or None where it does."""
        try:
            self._require_unrevoked(found)
        except QcotError as error:
            return error
        if found.kid in self._rotated:
            return QcotError(CERTIFICATE_ROTATED, f"{_who(found)}: another key has taken the place of this one")
        if at_s < found.not_before:
            return QcotError(CERTIFICATE_NOT_YET_VALID, f"{_who(found)} from {found.not_before}, it is {at_s}")
        if at_s >= found.not_after:
            return QcotError(CERTIFICATE_EXPIRED, f"{_who(found)} at {found.not_after}, it is {at_s}")
        return None

    def revocations(self, serial: bytes) -> tuple[Revocation, ...]:
        """The revocations of a serial, in the order they came."""
        return self._revoked.get(serial, ())

    # The rules

    def _require_issued(self, found: Certificate, at_s: int) -> None:
        if found.role is Role.ISSUER:
            if found.issuer != self.root.kid:
                _refuse(ISSUER_UNKNOWN, f"issuer {found.name} is certified by {found.issuer.hex()}, not by the root")
            found.verify(self.root)
            return
        if not any(each.role is Role.ISSUER for each in self._of(found.issuer)):
            _refuse(ISSUER_UNKNOWN, f"{_who(found)} is certified by {found.issuer.hex()}, no issuer of this site")
        issuer = self.require(found.issuer, Role.ISSUER, at_s)
        assert issuer.key is not None  # of this role, its parser saw to it
        found.verify(issuer.key)
        # Of an issuer whose certificate was renewed two may hold; what began before the newer one rests on the older.
        if not any(self.standing(each, at_s) is None for each in self._spanning(found)):
            _refuse(CERTIFICATE_OUTLIVES_ISSUER, f"{_who(found)}; its issuer is valid to {issuer.not_after}")

    def _require_unrevoked(self, found: Certificate) -> None:
        """The certificate itself, then what else may spoil it: its key's other certificates, and its issuer's."""
        for each in self._revoked.get(found.serial, ()):
            if self._counts(each, found):
                _refuse(CERTIFICATE_REVOKED, f"{_who(found)}: {each.reason.name}, {each.reason.meaning}")
        if any(self._spoilt(each) for each in self._of(found.kid)):
            _refuse(CERTIFICATE_REVOKED, f"{_who(found)}: another certificate of this key was revoked with the key")
        if any(self._spoilt(each) for each in self._of(found.issuer)):
            _refuse(CERTIFICATE_REVOKED, f"{_who(found)}: its issuer's key {found.issuer.hex()} was revoked")

    def _spoilt(self, found: Certificate) -> bool:
        revocations = self._revoked.get(found.serial, ())
        return any(each.reason.spoils and self._counts(each, found) for each in revocations)

    def _counts(self, each: Revocation, found: Certificate) -> bool:
        """An issuer's certificate is the root's to revoke; one that came later may have met an issuer's revocation."""
        return found.role is not Role.ISSUER or each.by == self.root.kid

    def _revoker(self, found: Revocation, at_s: int) -> PublicKey:
        if found.by == self.root.kid:
            return self.root
        known = self._serials.get(found.serial)
        if known is not None and known.role is Role.ISSUER:
            _refuse(REVOCATION_UNAUTHORIZED, f"{_who(known)} is an issuer's, and {found.by.hex()} is not the root")
        try:
            key = self.require(found.by, Role.ISSUER, at_s).key
        except QcotError as error:
            raise QcotError(REVOCATION_UNAUTHORIZED, f"signed by {found.by.hex()}: {error}") from error
        assert key is not None
        return key

    def _require_rotation(self, old: Certificate, new: Certificate, by: bytes) -> None:
        if by != old.kid:
            _refuse(ROTATION_REFUSED, f"the transaction is signed by {by.hex()}, not by the old key {old.kid.hex()}")
        if old.role is Role.ISSUER or (old.role, old.name) != (new.role, new.name) or old.kid == new.kid:
            _refuse(ROTATION_REFUSED, f"{_who(old)} does not pass to {_who(new)}")
        for each in (old, new):
            if each.kid in self._rotated:
                _refuse(ROTATION_REFUSED, f"{_who(each)} was rotated before")
            self._require_unrevoked(each)

    def _require_site(self, site: str, what: str) -> None:
        if site != self.site:
            _refuse(CERTIFICATE_WRONG_SITE, f"{what} is for site {site}, this is {self.site}")

    @staticmethod
    def _unfit(found: Certificate, role: Role, name: str | None) -> QcotError | None:
        if found.role is not role:
            return QcotError(CERTIFICATE_WRONG_ROLE, f"{_who(found)}, needed is one of a {role}")
        if name is not None and found.name != name:
            return QcotError(CERTIFICATE_WRONG_NAME, f"{_who(found)}, needed is one of {name}")
        return None

    def _of(self, kid: bytes) -> Iterable[Certificate]:
        return (self._serials[serial] for serial in self._holders.get(kid, ()))

    def _one(self, kid: bytes) -> Certificate:
        found = self.certificate(kid)
        if found is None:
            _refuse(CERTIFICATE_UNKNOWN, f"no certificate of {kid.hex()} in the register")
        return found

    def _issuer_of(self, found: Certificate) -> Certificate:
        """The issuer's certificate that spans ``found``: there is one, or it would not have been admitted."""
        issuer = next(iter(self._spanning(found)), None)
        if issuer is None:
            _refuse(CERTIFICATE_UNKNOWN, f"the issuer {found.issuer.hex()} of {_who(found)}")
        return issuer

    def _spanning(self, found: Certificate) -> Iterable[Certificate]:
        """Those of its issuer, newest first, within whose validity its own lies."""
        for each in self._of(found.issuer):
            if each.role is Role.ISSUER and each.not_before <= found.not_before and found.not_after <= each.not_after:
                yield each


def _who(found: Certificate) -> str:
    return f"certificate {found.serial.hex()[:8]} of {found.role} {found.name}"


def _refuse(problem: Problem, reason: str) -> NoReturn:
    raise QcotError(problem, reason)
