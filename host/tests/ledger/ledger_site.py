"""What the tests of the ledger are fed with; no part of it is a mock."""

import hashlib
from dataclasses import dataclass, field
from functools import cache

from lms_board import LmsBoard
from qcot.certificates.claims import Channel
from qcot.certificates.register import Register
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.ledger import closing, transactions
from qcot.ledger.checkpoint import VerifierKey
from qcot.ledger.clocks import Clock
from qcot.ledger.qblock import Header
from qcot.ledger.receipts import Answer
from qcot.ledger.statements import Standing
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import CheckpointEntry, EnrolmentEntry, FrameEntry, StatementEntry, Transaction
from qcot.ledger.trust import Trust
from qcot.link import chain, frames, keys, messages
from trust_site import Authority

SITE = "lab"
BRIDGE_KEY = SigningKey(ML_DSA_65, b"\x0b" * 32)
GATEWAY_KEY = SigningKey(ML_DSA_44, b"\x06" * 32)
START = 1_790_000_000_000
AUTHORITY = Authority(SITE)
BRIDGE_CERTIFICATE = AUTHORITY.bridge(BRIDGE_KEY)
GATEWAY_CERTIFICATE = AUTHORITY.gateway(GATEWAY_KEY)


class Board:
    """The host's view of a board: it chains readings and frames them as the firmware does."""

    def __init__(self, number: int, epoch: int = 1, lms: LmsBoard | None = None) -> None:
        self.lms = lms
        self.device = bytes([number]) * 8
        self.key = bytes([number]) * 32
        self.boot(epoch)

    def boot(self, epoch: int) -> None:
        self.epoch, self.seq, self.counter = epoch, 0, 0
        self.link = chain.genesis(self.device, epoch)
        self.mac = frames.MacKey(hashlib.sha256(self.key + bytes([epoch])).digest())

    def seal(self, message) -> bytes:
        self.counter += 1
        return frames.seal(message.TYPE, message.encode(), self.counter, self.mac)

    def entry(self, message, clock: Clock | None = None) -> FrameEntry:
        return FrameEntry(self.device, self.epoch, START + self.seq, self.seal(message), clock)

    def readings(self, count: int = 14, clock: Clock | None = None) -> FrameEntry:
        records = chain.pack([chain.Reading(i, 10 * i, 0, 500 + i % 7) for i in range(self.seq, self.seq + count)])
        self.link = chain.extend(self.link, self.seq, records)
        entry = self.entry(messages.Readings(self.seq, records, self.link), clock)
        self.seq += count
        return entry

    def opened(self, base: int, base_link: bytes) -> FrameEntry:
        head = max(base, self.seq)
        return self.entry(messages.Opened(self.device, self.epoch, b"i" * 32, (0, 1, 0), base, head, base_link, 1234))

    def checkpoint(self, key: LmsBoard | None = None, **said) -> CheckpointEntry:
        """What it signs itself: that its chain stands where it does, or where ``said`` has it."""
        place = {"device": self.device, "epoch": self.epoch, "seq": self.seq, "link": self.link} | said
        return CheckpointEntry(**place, signature=(key or self.lms).sign(**place))

    @property
    def certificate(self) -> bytes:
        return _board_certificate(self.device, self.key, self.lms and self.lms.public)

    def certified(self) -> StatementEntry:
        return StatementEntry(self.certificate)

    def enrolment(self) -> EnrolmentEntry:
        channels = (Channel("A0", "V", 5, 1024, 0), Channel("temp", "Cel", 1, 8, -2000))
        return EnrolmentEntry(
            self.device, keys.commitment(self.device, self.key), "uno", b"\x00\x01\x00", b"i" * 32, channels
        )


@cache
def _board_certificate(device: bytes, key: bytes, lms: bytes | None) -> bytes:
    return AUTHORITY.board(device, key, lms=lms)


@cache
def standing(*devices: int) -> Standing:
    """That of a log with the certificates of issuer, bridge and the boards of these numbers."""
    register = Register(AUTHORITY.root, SITE)
    for raw in (AUTHORITY.certificate, BRIDGE_CERTIFICATE, *(Board(number).certificate for number in devices)):
        register = register.admit(raw, START // 1000)
    return Standing(register)


@cache
def _next(key: SigningKey, **said) -> bytes:
    """A transaction that sites number alike. One whose number is named is built anew: a second one differs."""
    return transactions.build(key, **said)


CHAIN = (StatementEntry(AUTHORITY.certificate), StatementEntry(BRIDGE_CERTIFICATE))
"""What a bridge says first of itself."""


@dataclass
class Site:
    """Two boards and a bridge that numbers its transactions."""

    boards: list[Board] = field(default_factory=lambda: [Board(1), Board(2)])
    origin: str = "qcot/lab/gateway"
    sequence: int = 0
    now: int = START

    bookkeeper = closing.Bookkeeper("gateway", GATEWAY_KEY, shots=64)
    trust = Trust(AUTHORITY.root, SITE, (AUTHORITY.certificate, GATEWAY_CERTIFICATE))
    log_key = VerifierKey("qcot/lab/gateway", GATEWAY_KEY.public_key)

    def raw(self, *entries, sequence=None, site=SITE, bridge="bridge", key=BRIDGE_KEY, policy="default") -> bytes:
        said = {"site": site, "bridge": bridge, "time": self.now, "entries": entries, "policy": policy}
        if sequence is not None:
            return transactions.build(key, sequence=sequence, **said)
        self.sequence += 1
        return _next(key, sequence=self.sequence, **said)

    def open(self, path) -> Ledger:
        return Ledger.open_or_create(path, site=SITE, origin=self.origin, authority=AUTHORITY.root)

    def append(self, ledger: Ledger, batch: list[Transaction]) -> list[Answer]:
        return ledger.append_transactions(batch, self.now)

    def transaction(self, *entries, **changes) -> Transaction:
        return transactions.parse(self.raw(*entries, **changes))

    def enrolment(self) -> Transaction:
        """The first transaction: who signs it, and the boards, are made known in it."""
        certified = [board.certified() for board in self.boards]
        return self.transaction(*CHAIN, *certified, *(board.enrolment() for board in self.boards))

    def readings(self, *boards: Board, frames: int = 2) -> Transaction:
        return self.transaction(*(board.readings() for board in boards for _ in range(frames)))

    def close_unsigned(self, ledger: Ledger) -> Header:
        """A Qblock as a gateway leaves it that is killed before it has signed."""
        header = closing.begin(ledger, self.bookkeeper, now=self.now, seed=7).run()
        ledger.append_qblock(header)
        return header

    def close(self, ledger: Ledger) -> str:
        self.now += 2000
        return closing.close_run(ledger, self.bookkeeper, now=self.now, seed=7)

    def fill(self, ledger: Ledger, *, qblocks: int, transactions: int) -> None:
        """Enrol the boards, then append so many Qblocks of so many transactions."""
        for number in range(qblocks):
            batch = [self.readings(*self.boards) for _ in range(transactions)] if number else [self.enrolment()]
            if not number:
                batch += [self.readings(*self.boards) for _ in range(transactions)]
            self.append(ledger, batch)
            self.close(ledger)
