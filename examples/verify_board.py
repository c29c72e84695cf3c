"""What verify_evidence.py asks of a board: its reading, its chain, and what it signed itself with LMS (RFC 8554).

Written from docs/evidence.md and docs/link-protocol.md alone; SHA-256 is all that it needs.
"""

import struct
from binascii import crc_hqx
from datetime import UTC, datetime
from hashlib import sha256

MAX_TIME = 253_402_300_799
SETS = {
    24: (range(10, 15), (7, 8)),
    32: (range(5, 10), (3, 4)),
}  # SP 800-208, W 4 and 8: types of tree and leaf


def signature_holds(key: bytes, signature: bytes, message: bytes) -> bool:
    """RFC 8554 section 5.4.2: whether ``signature`` is of that key over ``message``."""
    if len(key) - 24 not in SETS or len(signature) < 8:
        return False
    (tree, one_time), n, name = struct.unpack(">II", key[:8]), len(key) - 24, key[8:24]
    if tree not in SETS[n][0] or one_time not in SETS[n][1]:
        return False
    w, h = 1 << (one_time - 1) % 4, tree % 5 * 5 + 5
    u, most = 8 * n // w, (1 << w) - 1  # digits of the hash, and the highest
    v = -(-(most * u).bit_length() // w)  # digits of their sum
    parts = [signature[8 + n * i : 8 + n * i + n] for i in range(1 + u + v)]
    rest, q = signature[8 + n * (1 + u + v) :], int.from_bytes(signature[:4], "big")
    if signature[4:8] + rest[:4] != key[4:8] + key[:4] or len(rest) != 4 + n * h or q >> h:
        return False

    def digest(*values: bytes) -> bytes:
        return sha256(name + b"".join(values)).digest()[:n]

    leaf, place = struct.pack(">I", q), (1 << h) + q
    number = int.from_bytes(digest(leaf, b"\x81\x81", parts[0], message), "big")
    digits = [number >> 8 * n - w * i - w & most for i in range(u)]
    digits += [sum(most - digit for digit in digits) >> w * (v - 1 - i) & most for i in range(v)]
    for i, digit in enumerate(digits, 1):
        for j in range(digit, most):
            parts[i] = digest(leaf, struct.pack(">HB", i - 1, j), parts[i])
    found = digest(struct.pack(">I", place), b"\x82\x82", digest(leaf, b"\x80\x80", *parts[1:]))
    for i in range(h):
        pair = (found, rest[4 + n * i : 4 + n * i + n])[:: 1 - place % 2 * 2]
        place >>= 1
        found = digest(struct.pack(">I", place), b"\x83\x83", *pair)
    return found == key[24:]


def need(condition: object, why: str) -> None:
    if not condition:
        raise ValueError(why)


def when(seconds: int) -> str:
    return f"{datetime.fromtimestamp(min(seconds, MAX_TIME), UTC):%Y-%m-%d %H:%M:%S} UTC"


def is_uint(*values: object, most: int = (1 << 63) - 1) -> bool:
    return all(type(value) is int and 0 <= value <= most for value in values)


def hashes(values: object, size: int = 32) -> bool:
    return isinstance(values, list) and all(type(value) is bytes and len(value) == size for value in values)


def sampled(entries: list, place: int, first_ms: int, ms: int) -> str:
    """When, by the clock that the bridge fitted: that of the last frame up to this one which says one."""
    said = [each[5] for each in entries[: place + 1] if each[:3] == entries[place][:3] and len(each) == 6]
    if not said or said[-1] is None:
        return ""
    zero, rate, error = said[-1]
    fits = is_uint(zero) and is_uint(rate + 20_000_000, most=40_000_000) and is_uint(error, most=3_600_000_000)
    need(fits, "the clock is out of its bounds")
    ms = first_ms + (ms - first_ms + (1 << 31)) % (1 << 32) - (1 << 31)
    at = zero + ms * 1000 + ms * rate // 1_000_000
    return f" at {when(at // 1_000_000)[:-4]}.{at // 1000 % 1000:03} UTC, give or take {error / 1000:g} ms"


def read(entries: list, place: list, signed: list | None) -> tuple[str, tuple | None]:
    """What is meant, in words, and what the board signed of it: signature and message. Frame and chain are checked."""
    entry = entries[place[0]]
    if entry[0] == 4:
        _, device, epoch, seq, link, signature = entry
        need(place[1:] == [0, None] and signed is None, "it is no reading that is meant")
        need(is_uint(epoch, seq, most=(1 << 32) - 1), "epoch or seq of the board's checkpoint")
        need(hashes([device], 8) and hashes([link]) and type(signature) is bytes, "the board's checkpoint")
        told = f"board {device.hex()} signed that the link before reading {seq} of epoch {epoch} is {link.hex()}"
        return told, (signature, device, epoch, seq, link)
    _, device, epoch, _, frame = entry[:5]
    body, link = frame[6:-18], place[2]
    need(entry[0] == 1 and len(entry) < 7 and frame[:2] == b"\2\1", "the entry is no frame of readings")
    need(crc_hqx(frame[:-2], 0xFFFF) == int.from_bytes(frame[-2:], "little"), "the frame's CRC is wrong")
    first, count = struct.unpack_from("<IB", body)
    need(1 <= count <= 14 and len(body) == 5 + 9 * count + 32 and place[1] < count, "frame: no such reading")
    records = [body[5 + 9 * i : 14 + 9 * i] for i in range(count)]
    need(link is not None or signed is None, "without the link before its frame the board signed no reading")
    if link is not None:
        genesis = sha256(b"qcot/chain/v1" + device + struct.pack("<I", epoch)).digest()
        need(first > 0 or link == genesis, "the link before the first reading is not the genesis link")
        need(follow(link, first, records) == body[-32:], "the readings do not lead to the frame's link")
    ms, channel, value = struct.unpack("<IBi", records[place[1]])
    at = sampled(entries, place[0], int.from_bytes(records[0][:4], "little"), ms)
    told = (
        f"reading {first + place[1]} of epoch {epoch} of board {device.hex()}: value {value} on channel {channel}{at}"
    )
    if signed is None:
        return told, None
    signature, after = signed
    more = [after[i : i + 9] for i in range(0, len(after), 9)]
    need(len(after) == 9 * len(more) <= 9 * 220_000 and type(signature) is bytes, "signed: records")
    end = first + count
    return told, (signature, device, epoch, end + len(more), follow(body[-32:], end, more))


def follow(link: bytes, seq: int, records: list[bytes]) -> bytes:
    """The link after more readings."""
    for i, record in enumerate(records):
        link = sha256(link + struct.pack("<I", seq + i) + record).digest()
    return link


def is_signed(key: bytes | None, own: tuple) -> bool:
    """Whether the board's LMS key signed what :func:`read` says."""
    signature, device, epoch, seq, link = own
    message = b"qcot/checkpoint/v1" + device + struct.pack("<II", epoch, seq) + link
    return signature_holds(key or b"", signature, message)
