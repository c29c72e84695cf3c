"""A board and a bridge by the letter of docs/link-protocol.md and docs/evidence.md, without a port or chance."""

import hmac
import struct
from binascii import crc_hqx
from functools import cache
from hashlib import sha256

from qcot.certificates.claims import Channel
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.ledger import transactions
from qcot.ledger.transactions import EnrolmentEntry, FrameEntry, StatementEntry
from trust_site import Authority


class Board:
    """Makes the frames of one device; `sampled` holds every value it ever put into one."""

    def __init__(self, number=1, epoch=1):
        self.device = number.to_bytes(8, "big")
        self.key = _device_key(self.device)
        self.sampled = []
        self.boot(epoch)

    def boot(self, epoch):
        self.epoch, self.seq, self.counter = epoch, 0, 0
        self.link = sha256(b"qcot/chain/v1" + self.device + struct.pack("<I", epoch)).digest()
        nonce = hmac.digest(self.key, b"qcot/nonce/v1" + struct.pack("<II", epoch, 0), "sha256")[:16]
        self.session = hmac.digest(self.key, b"qcot/session/v1" + nonce + bytes(16), "sha256")

    def frame(self, kind, body):
        self.counter += 1
        data = struct.pack("<BBI", kind, 1, self.counter) + body
        data += hmac.digest(self.session, data, "sha256")[:16]
        return data + struct.pack("<H", crc_hqx(data, 0xFFFF))

    def readings(self, count=14):
        """A READINGS frame of the next `count` readings."""
        records = b""
        first = self.seq
        for _ in range(count):
            value = (self.seq * 37 + self.device[-1]) % 1024
            self.sampled.append((self.device, self.epoch, self.seq, value))
            record = struct.pack("<IBi", self.seq * 10, 0, value)
            self.link = sha256(self.link + struct.pack("<I", self.seq) + record).digest()
            records += record
            self.seq += 1
        return self.frame(0x02, struct.pack("<IB", first, count) + records + self.link)

    def opened(self):
        body = struct.pack(
            "<8sI32s3sII32sI", self.device, self.epoch, bytes(32), bytes(3), self.seq, self.seq, self.link, 0
        )
        return self.frame(0x03, body)

    def entry(self, frame=None, received=1_700_000_000_000):
        return FrameEntry(self.device, self.epoch, received, frame or self.readings())

    def enrolment(self):
        commitment = sha256(b"qcot/device-key/v1" + self.device + self.key).digest()
        return EnrolmentEntry(self.device, commitment, "test", b"\0\1\0", bytes(32), (Channel("A0", "V", 5, 1023, 0),))


@cache
def board_certificate(site, device):
    return Authority(site).board(device, _device_key(device), "test", bytes(32))


@cache
def _bridge_certificate(site, name, seed):
    return Authority(site).bridge(SigningKey(ML_DSA_65, bytes([seed]) * 32), name)


def _device_key(device):
    return sha256(b"test device key" + device).digest()


class BridgeSide:
    """Signs transactions as one bridge, in sequence; the first says who it is, and each enrolment whose board."""

    def __init__(self, name="b1", site="home", seed=1):
        self.name, self.site = name, site
        self.key = SigningKey(ML_DSA_65, bytes([seed]) * 32)
        self.certificate = _bridge_certificate(site, name, seed)
        self.sequence = 0

    def introduction(self):
        """The certificates of issuer and bridge."""
        return [StatementEntry(Authority(self.site).certificate), StatementEntry(self.certificate)]

    def sign(self, *entries, sequence=None, site=None, bridge=None, key=None, policy="default", bare=False):
        """The bytes of a transaction; without `sequence` the next one. `bare` says nothing of bridge and boards."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        if not bare:
            known = [board_certificate(self.site, each.device) for each in entries if isinstance(each, EnrolmentEntry)]
            introduction = self.introduction() if sequence == 1 and key is None else []
            entries = [*introduction, *map(StatementEntry, known), *entries]
        return transactions.build(
            key or self.key, site=site or self.site, bridge=bridge or self.name, sequence=sequence,
            time=1_700_000_000_000, entries=entries, policy=policy,
        )  # fmt: skip
