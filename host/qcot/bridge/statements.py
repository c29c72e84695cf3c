"""What this bridge brings to the ledger besides readings: its home's certificates, and what others submit.

HOME/certificates/**/*.cert and HOME/bridge/submissions/*.cbor are looked through while the bridge runs. Each statement
goes once, by its hash, in a transaction of its own, so that one that is refused takes nothing along; only the bridge's
own certificate and its issuer's go together, because the first transaction has to say who signed it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qcot.bridge import spool
from qcot.bridge.config import BridgeConfig
from qcot.bridge.intake import Intake, devices_in
from qcot.bridge.problems import (
    BAD_STATEMENT,
    BOARD_EARLY,
    BOARD_EXPIRED,
    BOARD_NOT_CERTIFIED,
    BOARD_WAITS,
    NO_NEXT_KEY,
    ROTATION_LEFT_OUT,
    STATEMENT_REFUSED,
)
from qcot.bridge.store import Settled, Store
from qcot.certificates import certificate
from qcot.certificates.certificate import Certificate, Role
from qcot.certificates.problems import CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_REVOKED
from qcot.crypto.keyfile import sync_folder
from qcot.errors import Problem, QcotError
from qcot.ledger import transactions
from qcot.ledger.problems import CHAIN_GAP, NOT_ENROLLED
from qcot.ledger.transactions import MAX_STATEMENT, EnrolmentEntry

_ORDER = [Role.ISSUER, Role.BRIDGE, Role.GATEWAY, Role.WITNESS, Role.BOARD]
_ENDED = (CERTIFICATE_EXPIRED.name, CERTIFICATE_NOT_YET_VALID.name, CERTIFICATE_REVOKED.name)
_WANTING = (CHAIN_GAP.name, NOT_ENROLLED.name)
_TRY_AGAIN_S = 60.0
_Stamp = tuple[int, int, int]


class Statements:
    """Belongs to the bridge's thread. ``trouble`` hears of files without a statement, ``clock`` gives POSIX seconds."""

    def __init__(
        self,
        config: BridgeConfig,
        store: Store,
        intake: Intake,
        trouble: Callable[[Problem, str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config, self._home = config, config.home
        self._store, self._intake, self._trouble = store, intake, trouble
        self._read: dict[Path, tuple[_Stamp, Certificate | None]] = {}
        self._junk: set[Path] = set()
        self._clock = clock
        self._set_aside: set[bytes] = set()
        self._boards: dict[bytes, set[bytes]] = {}  # in what was refused, by its hash
        self._tried: dict[bytes, tuple[bytes, float]] = {}

    def look(self) -> None:
        """Take what is new; it is on disk when :meth:`Intake.commit` returns, and :meth:`tidy` lets go of the files."""
        certificates = self.certificates()
        own = self.chain(certificates)
        if own and not self._is_taken(own[-1]):
            self._intake.bring(own)
        for each in certificates:
            if not self._is_taken(each.raw):
                self._intake.bring((each.raw,))
        for path, raw in self._submissions():
            if not self._is_taken(raw, again=True) and self._is_statement(path, raw):
                self._intake.bring((raw,))

    def tidy(self) -> None:
        """Delete the submissions that are on the bridge's disk otherwise."""
        for path, raw in self._submissions():
            taken = self._store.taken(hashlib.sha256(raw).digest())
            if taken is not None and not taken.is_refused:  # else it came again a moment ago, and is yet to be taken
                path.unlink(missing_ok=True)

    def chain(self, certificates: list[Certificate] | None = None) -> tuple[bytes, ...]:
        """The certificate of the key that signs now, after its issuer's; empty where the home has none."""
        known = self.certificates() if certificates is None else certificates
        kid = self._intake.key.public_key.kid
        own = max((each for each in known if each.kid == kid), key=lambda each: each.issued_at, default=None)
        if own is None:
            return ()
        issuers = (each.raw for each in known if each.role is Role.ISSUER and each.kid == own.issuer)
        return (*issuers, own.raw)

    def require_board(self, device: bytes, certificates: list[Certificate] | None = None) -> None:
        """Raise QcotError unless this bridge may serve the board now.

        By name `board-not-certified`, `board-of-another-bridge`, `board-certificate-expired`, `-not-yet-valid`, or
        `board-set-aside` while what was refused of it for its certificate has to come first.
        """
        newest, holds = self._of_board(device, self.certificates() if certificates is None else certificates)
        if newest is None:
            raise QcotError(BOARD_NOT_CERTIFIED, f"board {device.hex()} has no certificate in this home")
        newest.require_bridge(self._config.name)
        if not holds:
            is_early = self._clock() < newest.not_before
            span = f"from {newest.not_before} to {newest.not_after}"
            raise QcotError(BOARD_EARLY if is_early else BOARD_EXPIRED, f"board {device.hex()} is certified {span}")
        if device in self._set_aside:
            raise QcotError(BOARD_WAITS, f"readings of board {device.hex()} were refused for its certificate")

    def signing_key(self, device: bytes) -> bytes | None:
        """The LMS key that the board's certificate names, if that holds now and goes to the ledger first."""
        newest, holds = self._of_board(device, self.certificates())
        if newest is None or newest.board is None or not holds:
            return None
        taken = self._store.taken(newest.hash)
        return newest.board.lms if taken is not None and not taken.is_refused else None

    def _of_board(self, device: bytes, known: list[Certificate]) -> tuple[Certificate | None, bool]:
        """The newest certificate of the board, of those that hold now where there are any; and whether it does."""
        now = self._clock()
        found = [(each.not_before <= now < each.not_after, each) for each in known if each.kid == device]
        holds, newest = max(found, key=lambda each: (each[0], each[1].issued_at), default=(False, None))
        return newest, holds

    def send_again(self) -> bool:
        """Send what was refused for a board's certificate again once another is on the ledger; gives whether some was.

        All that was refused since for want of it goes along, in order, and only when nothing of the board is still on
        its way: else that would be refused for want of what comes after it.
        """
        waiting: dict[bytes, list[bytes]] = {}
        refused = self._store.refused_as(_ENDED) and self._store.refused_as((*_ENDED, *_WANTING))
        for hash_, name in refused:
            if hash_ not in self._boards:
                self._boards[hash_] = devices_in(self._store.refused_raw(hash_))
            for device in self._boards[hash_]:  # one at most, or it would have been sent in two
                if name in _ENDED or device in waiting:
                    waiting.setdefault(device, []).append(hash_)
        self._set_aside = set(waiting)
        revoked = [hash_ for hash_, name in refused if name == CERTIFICATE_REVOKED.name]
        taken_back = {device for hash_ in revoked for device in self._boards[hash_]}
        certificates = self.certificates() if waiting else []
        for device, hashes in waiting.items():
            found, holds = self._of_board(device, certificates)
            if (
                found is not None
                and holds
                and self._may_try(device, found, again=device not in taken_back)
                and not self._intake.holds(device)
            ):
                self._intake.send_again(hashes)
                self._tried[device] = (found.hash, self._clock())
                self._set_aside.discard(device)
        return len(self._set_aside) < len(waiting)

    def _may_try(self, device: bytes, found: Certificate, again: bool) -> bool:
        """With each certificate at once, and with the same ``again`` from time to time: the clocks may differ."""
        taken = self._store.taken(found.hash)
        hash_, at = self._tried.get(device, (b"", 0.0))
        return (
            taken is not None
            and taken.is_on_ledger
            and (hash_ != found.hash or (again and self._clock() - at >= _TRY_AGAIN_S))
        )

    def certificates(self) -> list[Certificate]:
        """Those in the home's folder, issuers first; each file is read once."""
        found = []
        for path in sorted((self._home / "certificates").rglob("*.cert")):
            try:
                status = path.stat()
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                known = self._read.get(path)
                if known is None or known[0] != stamp:
                    self._read[path] = known = (stamp, self._parsed(path))
            except OSError:  # replaced a moment ago
                continue
            if known[1] is not None:
                found.append(known[1])
        return sorted(found, key=lambda each: _ORDER.index(each.role))

    def _parsed(self, path: Path) -> Certificate | None:
        try:
            return certificate.parse(_bytes_of(path))
        except QcotError as error:
            self._trouble(BAD_STATEMENT, f"{path}: {error}")
            return None

    def _submissions(self) -> Iterator[tuple[Path, bytes]]:
        for path in sorted(spool.folder(self._home).glob("*.cbor")):
            if path not in self._junk:
                try:
                    yield path, _bytes_of(path)
                except OSError:
                    continue

    def _is_taken(self, raw: bytes, *, again: bool = False) -> bool:
        """``again``: what was refused may be tried again."""
        digest = hashlib.sha256(raw).digest()
        taken = self._store.taken(digest)
        return self._intake.is_bringing(digest) or (taken is not None and not (again and taken.is_refused))

    def _is_statement(self, path: Path, raw: bytes) -> bool:
        try:
            if len(raw) <= MAX_STATEMENT:
                self._intake.following(raw)
                return True
            why = f"more than {MAX_STATEMENT} bytes"
        except QcotError as error:
            if error.problem == NO_NEXT_KEY:  # which may yet come
                self._trouble(error.problem, error.reason)
                return False
            why = str(error)
        self._junk.add(path)
        self._trouble(BAD_STATEMENT, f"{path}: {why}")
        return False

    # What has become of them

    def settled(self, settled: Settled) -> None:
        """Tell of what was refused and keep it with its reason; go on with the new key, or back to the old."""
        signing = self._store.signing()
        brought = {hashlib.sha256(each).digest(): each for raw in settled.raws for each in _statements_in(raw)}
        for digest, refusal in settled.statements.items():
            if refusal is None:
                spool.forget_refusal(self._home, digest)
                continue
            self._trouble(STATEMENT_REFUSED, f"{digest.hex()}: {refusal.name}: {refusal.reason}")
            spool.refuse(self._home, brought[digest], f"{refusal.name}: {refusal.reason}")
            if signing is not None and signing[1] == digest:
                self._intake.rotation_refused()
        self._store.forget_announced(device for raw in settled.raws for device in _enrolled_in(raw))
        self.give_over()

    def outlived(self, ended: Sequence[bytes], wanted: int) -> bool:
        """Have the new key sign all from sequence ``wanted`` on, without the rotation to it; gives whether it did.

        That is when the ledger has the new key's certificate, and the first that waits is among ``ended``: those that
        are not taken because they are the former key's. Its rotation, which only the former key can bring, would be the
        last of them, and all that the new key has signed waits behind it.
        """
        signing, own, first = self._store.signing(), self.chain(), self._store.outbox(limit=1)
        if signing is None or not own or not first or first[0].hash not in ended:
            return False
        introduced = self._store.taken(hashlib.sha256(own[-1]).digest())
        if introduced is None or not introduced.is_on_ledger:
            return False
        former = transactions.envelope(first[0].raw).kid
        if former != self._intake.former:
            return False
        self._intake.renumber(wanted, without=signing[1])
        self._trouble(ROTATION_LEFT_OUT, f"the certificate of {former.hex()} ended before its rotation was taken")
        self.give_over()
        return True

    def give_over(self) -> None:
        """Once its rotation is on the ledger, or was left out, the new key's files take the place of the old one's.

        Where a service manager holds the old key there is none to replace, and the new one is used from where it is.
        """
        signing = self._store.signing()
        taken = None if signing is None else self._store.taken(signing[1])
        is_over = taken is not None and (taken.is_on_ledger or taken.is_left_out)
        if signing is None or not is_over or not self._config.seed.exists():
            return
        certificates = self._home / "certificates"
        for new, old in (
            (certificates / "bridge.next.cert", certificates / "bridge.cert"),
            (self._config.next_seed, self._config.seed),
        ):
            if new.exists():
                new.replace(old)
                sync_folder(old.parent)
        self._intake.rotated()


def _statements_in(raw: bytes) -> tuple[bytes, ...]:
    return transactions.parse(raw).statements


def _enrolled_in(raw: bytes) -> list[bytes]:
    return [each.device for each in transactions.parse(raw).entries if isinstance(each, EnrolmentEntry)]


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_STATEMENT + 1)
