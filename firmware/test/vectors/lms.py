"""Write lms.json: keys and signatures of every LMS set, from hashlib alone; `--check` compares instead.

Nothing here is the code under test, and pyhsslms verifies each signature before it is written. The keys of RFC 8554
appendix F (test case 2) and RFC 9858 appendix A have the seeds and the public keys that those documents print.
`--check` believes the RFC the root of its tree of 1,024 leaves, which was grown when the file was written.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyhsslms.pyhsslms as verifier
from kept import keep

D_PBLC, D_MESG, D_LEAF, D_INTR = (bytes.fromhex(x) for x in ("8080", "8181", "8282", "8383"))
TREES = {(24, 5): 0x0A, (24, 10): 0x0B, (32, 5): 0x05, (32, 10): 0x06}
ONE_TIME = {(24, 4): (0x07, 51, 4), (24, 8): (0x08, 26, 0), (32, 4): (0x03, 67, 4), (32, 8): (0x04, 34, 0)}
_STEPS = [bytes([j]) for j in range(256)]


def u(size: int, x: int) -> bytes:
    return x.to_bytes(size, "big")


@dataclass(frozen=True)
class Key:
    """An LMS key whose secrets come from ``seed`` as in RFC 8554 appendix A."""

    n: int
    w: int
    h: int
    seed: bytes
    identifier: bytes

    def hash(self, *parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(parts)).digest()[: self.n]

    def start(self, q: int, i: int) -> bytes:
        return self.hash(self.identifier, u(4, q), u(2, i), b"\xff", self.seed)

    def chain(self, q: int, i: int, value: bytes, begin: int, end: int) -> bytes:
        sha, n = hashlib.sha256, self.n
        head = self.identifier + u(4, q) + u(2, i)
        for j in _STEPS[begin:end]:
            value = sha(head + j + value).digest()[:n]
        return value

    def leaf(self, q: int) -> bytes:
        chains, top = ONE_TIME[self.n, self.w][1], (1 << self.w) - 1
        ends = [self.chain(q, i, self.start(q, i), 0, top) for i in range(chains)]
        public = self.hash(self.identifier, u(4, q), D_PBLC, *ends)
        return self.hash(self.identifier, u(4, (1 << self.h) + q), D_LEAF, public)

    @cached_property
    def levels(self) -> list[list[bytes]]:
        """Nodes by level, leaves first, root last."""
        found = [[self.leaf(q) for q in range(1 << self.h)]]
        while len(found[-1]) > 1:
            below, first = found[-1], len(found[-1]) // 2
            found.append([
                self.hash(self.identifier, u(4, first + i), D_INTR, below[2 * i], below[2 * i + 1])
                for i in range(first)
            ])  # fmt: skip
        return found

    @property
    def root(self) -> bytes:
        return self.levels[-1][0]

    def path(self, q: int) -> list[bytes]:
        return [self.levels[level][(q >> level) ^ 1] for level in range(self.h)]

    def randomizer(self, q: int) -> bytes:
        return self.start(q, 0xFFFD)

    def digits(self, q: int, message: bytes) -> list[int]:
        digest = self.hash(self.identifier, u(4, q), D_MESG, self.randomizer(q), message)
        per, top, shift = 8 // self.w, (1 << self.w) - 1, ONE_TIME[self.n, self.w][2]
        split = lambda data: [b >> (8 - self.w * (k + 1)) & top for b in data for k in range(per)]  # noqa: E731
        checksum = sum(top - d for d in split(digest)) << shift
        return (split(digest) + split(u(2, checksum)))[: ONE_TIME[self.n, self.w][1]]

    def values(self, q: int, message: bytes) -> list[bytes]:
        return [self.chain(q, i, self.start(q, i), 0, d) for i, d in enumerate(self.digits(q, message))]

    def values_digest(self, q: int, message: bytes) -> str:
        return hashlib.sha256(b"".join(self.values(q, message))).hexdigest()

    @property
    def public(self) -> bytes:
        types = u(4, TREES[self.n, self.h]) + u(4, ONE_TIME[self.n, self.w][0])
        return types + self.identifier + self.root

    def sign(self, q: int, message: bytes) -> bytes:
        """The whole signature; checked by a verifier that shares nothing with this."""
        one_time = u(4, ONE_TIME[self.n, self.w][0]) + self.randomizer(q) + b"".join(self.values(q, message))
        signature = u(4, q) + one_time + u(4, TREES[self.n, self.h]) + b"".join(self.path(q))
        assert verifier.LmsPublicKey.deserialize(self.public).verify(message, signature) is True
        return signature


def pattern(label: str, size: int) -> bytes:
    return hashlib.shake_256(label.encode()).digest(size)


def key_case(name: str, key: Key, q: int, printed: str, grows: bool) -> dict[str, object]:
    """One key: a leaf and a signature of it; the root as a document ``printed`` it, or as the tree ``grows``."""
    message = pattern(f"message {name}", 66)  # as long as a checkpoint
    if grows:
        key.sign(q, message)
    root = key.root.hex() if grows else printed
    assert printed in ("", root), name
    return {
        "name": name, "n": key.n, "w": key.w, "h": key.h, "seed": key.seed.hex(), "identifier": key.identifier.hex(),
        "root": root, "leaf": q, "node": key.leaf(q).hex(), "message": message.hex(),
        "randomizer": key.randomizer(q).hex(), "values_sha256": key.values_digest(q, message),
    }  # fmt: skip


def keys(check: bool) -> list[dict[str, object]]:
    documents = [
        ("RFC 8554 test case 2, upper tree", Key(32, 4, 10,
            bytes.fromhex("558b8966c48ae9cb898b423c83443aae014a72f1b1ab5cc85cf1d892903b5439"),
            bytes.fromhex("d08fabd4a2091ff0a8cb4ed834e74534")),
            3, "32a58885cd9ba0431235466bff9651c6c92124404d45fa53cf161c28f1ad5a8e"),
        ("RFC 8554 test case 2, lower tree", Key(32, 8, 5,
            bytes.fromhex("a1c4696e2608035a886100d05cd99945eb3370731884a8235e2fb3d4d71f2547"),
            bytes.fromhex("215f83b7ccb9acbcd08db97b0d04dc2b")),
            4, "a1cd035833e0e90059603f26e07ad2aad152338e7a5e5984bcd5f7bb4eba40b7"),
        ("RFC 9858 appendix A.1", Key(24, 8, 5,
            bytes.fromhex("000102030405060708090a0b0c0d0e0f1011121314151617"),
            bytes.fromhex("202122232425262728292a2b2c2d2e2f")),
            5, "2c571450aed99cfb4f4ac285da14882796618314508b12d2"),
    ]  # fmt: skip
    cases = [key_case(*document, grows=not check or document[1].h == 5) for document in documents]
    for n, h in TREES:
        for w in (4, 8):
            name = f"n={n} w={w} h={h}"
            key = Key(n, w, h, pattern(f"seed {name}", n), pattern(f"identifier {name}", 16))
            cases.append(key_case(name, key, (1 << h) - 3, "", grows=h == 5))
    return cases


def board(n: int, w: int, h: int, device: bytes, secret: bytes, generation: int) -> dict[str, object]:
    """What a board answers whose noise is i * 37 in its i-th byte, in epoch 1, with nothing acknowledged."""
    noise = bytes(i * 37 & 0xFF for i in range(256 * (generation - 1), 256 * generation))
    mac = lambda key, data: hmac.new(key, data, hashlib.sha256).digest()  # noqa: E731
    little = lambda size, x: x.to_bytes(size, "little")  # noqa: E731
    material = little(2, generation) + little(4, 1) + hashlib.sha256(noise).digest()
    seed = mac(secret, b"qcot/lms/seed/v1" + material)[:n]
    key = Key(n, w, h, seed, mac(seed, b"qcot/lms/id/v1")[:16])
    link = hashlib.sha256(b"qcot/chain/v1" + device + little(4, 1)).digest()
    message = b"qcot/checkpoint/v1" + device + little(4, 1) + little(4, 0) + link
    leaves = (0, (1 << h) - 1)
    for q in leaves:
        key.sign(q, message)
    return {
        "n": n, "w": w, "h": h, "generation": generation, "seed": seed.hex(), "identifier": key.identifier.hex(),
        "root": key.root.hex(), "leaves": b"".join(key.levels[0]).hex(),
        "signatures": [
            {"leaf": q, "randomizer": key.randomizer(q).hex(), "values_sha256": key.values_digest(q, message)}
            for q in leaves
        ],
    }  # fmt: skip


def build(check: bool) -> dict[str, object]:
    link = json.loads(Path(__file__).with_name("link.json").read_text())["keys"]
    device, secret = bytes.fromhex(link["device"]), bytes.fromhex(link["device_key"])
    return {
        "about": "Made by lms.py. Byte strings are hexadecimal.",
        "keys": keys(check),
        "boards": [board(n, w, 5, device, secret, generation) for n, w in ((24, 4), (32, 8)) for generation in (1, 2)],
    }


def main() -> int:
    check = "--check" in sys.argv[1:]
    return keep(Path(__file__).with_name("lms.json"), build(check), "lms.py", check)


if __name__ == "__main__":
    raise SystemExit(main())
