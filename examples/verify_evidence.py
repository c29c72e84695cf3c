"""Check a QCoT evidence file with nothing of QCoT: python verify_evidence.py FILE [ROOT_KEY_ID [REVOCATION_FILE]...]

Written from docs/evidence.md, docs/certificates.md, docs/link-protocol.md and docs/quantum/walk-hash.md alone. Needs
Python 3.11, cryptography 50, pqcrypto 1.0, cbor2, and verify_board.py beside it. Prints what holds, up to the first
that does not; exit status 0 only where all holds. The root's key id must come from somewhere you trust.
"""

import re
import struct
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from operator import mul
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.asymmetric import mldsa
from pqcrypto.sign import slh_dsa_sha2_128s
from verify_board import MAX_TIME, hashes, is_signed, is_uint, need, read, when

KEYS = {-48: (mldsa.MLDSA44PublicKey, 1312), -49: (mldsa.MLDSA65PublicKey, 1952), -50: (mldsa.MLDSA87PublicKey, 2592)}
SLH_DSA, SIGNATURE_SIZE = -65600, {-48: 2420, -49: 3309, -50: 4627, -65600: 7856}
ALGORITHMS = {"issuer": (-48, -49, -50), "bridge": (-49,), "gateway": (-48,), "witness": (-48,)}
ROLE, POLICY, BOARD, LOG, BRIDGE, ALWAYS = *range(-65537, -65542, -1), {*range(1, 8), -65537}  # of a certificate
CLAIMS = {"issuer": {8}, "bridge": {8, POLICY}, "gateway": {8, LOG}, "witness": {8}, "board": {BOARD}}
NAME, COSIGNER = r"[A-Za-z0-9_-]{1,64}", r"[A-Za-z0-9._/-]{1,255}"


def decode(raw: bytes, last: int | None = None):
    """Deterministic CBOR (RFC 7049's order is ours), or the members of a map of the keys 1 to ``last``, and not 8.0."""
    value = cbor2.loads(raw)
    need(cbor2.dumps(value, canonical=True) == raw, "not one item of deterministic CBOR")
    need(last is None or repr([*value]) == repr([*range(1, last + 1)]), f"not a map of the keys 1 to {last}")
    need(last in (None, 8, 9) or repr(value[1]) == "1", "not of version 1")
    return value if last is None else list(value.values())


def kid(key: bytes) -> bytes:
    return sha256(key).digest()[:16]


def verify(algorithm: int, key: bytes, signature: bytes, message: bytes, what: str) -> None:
    try:
        if algorithm != SLH_DSA:
            KEYS[algorithm][0].from_public_bytes(key).verify(signature, message)
        else:  # raises in version 1.0; others return False
            need(slh_dsa_sha2_128s.verify(key, message, signature, b"") is not False, "signature")
    except Exception as error:
        raise ValueError(f"{what} is not signed by key {kid(key).hex()}") from error


class Signed:  # a COSE_Sign1 (RFC 9052), not yet verified
    def __init__(self, raw: bytes, what: str, last: int | None, algorithms: object = tuple(SIGNATURE_SIZE)) -> None:
        tagged = decode(raw)
        protected, unprotected, payload, self.signature = tagged.value
        need(tagged.tag == 18 and unprotected == {}, f"{what} is no COSE_Sign1")
        header, labels = decode(protected), {1, 3, 4, -65537} if what == "transaction" else {1, 3, 4}
        self.algorithm, content, self.kid, self.policy = (header.get(label) for label in (1, 3, 4, -65537))
        fits = self.algorithm in algorithms and SIGNATURE_SIZE[self.algorithm] == len(self.signature)
        need(set(header) == labels and content == f"application/vnd.qcot.{what}+cbor" and fits, f"{what}: header")
        aad = f"qcot/{'tx' if what == 'transaction' else what}/v1".encode()
        self.message, self.payload = cbor2.dumps(["Signature1", protected, aad, payload]), decode(payload, last)

    def verify(self, algorithm: int, key: bytes, what: str):
        need((self.algorithm, self.kid) == (algorithm, kid(key)), f"{what} is signed by key {self.kid.hex()}")
        verify(algorithm, key, self.signature, self.message, what)
        return self.payload


class Certificate:  # who may sign what; ``holder`` is the id of the key, or a board's device id
    def __init__(self, raw: bytes) -> None:
        self.raw, self.signed = raw, Signed(raw, "certificate", None)
        claims = self.signed.payload
        by, self.name, self.site, self.ends, self.begins, issued, self.serial = (claims[key] for key in range(1, 8))
        self.role, self.policy, self.board, log, self.bridge = map(claims.get, (ROLE, POLICY, BOARD, LOG, BRIDGE))
        optional = set(claims) - ALWAYS - ({POLICY, BRIDGE} if self.role == "board" else set())
        need(by == self.signed.kid.hex() and optional == CLAIMS[self.role], "certificate: claims of its role")
        need(re.fullmatch({"witness": COSIGNER}.get(self.role, NAME), self.name), "certificate: name")
        timely = is_uint(self.ends, most=MAX_TIME) and is_uint(self.begins, issued, most=self.ends - 1)
        need(timely and hashes([self.serial], 16), "certificate: times or serial")
        self.origin, self.quorum, self.cosigners = log.values() if log else (None, 0, [])
        self.what = f"certificate of {self.role} {self.name}"
        if 8 in claims:
            self.algorithm, self.key = claims[8][1][3], claims[8][1][-1]
            fits = self.algorithm in ALGORITHMS[self.role] and len(self.key) == KEYS[self.algorithm][1]
            need(fits and claims[8] == {1: {1: 7, 3: self.algorithm, -1: self.key}}, "certificate: key")
        self.holder = kid(self.key) if 8 in claims else bytes.fromhex(self.name)


class Register:  # the certificates of a file, all led back to the root, and the revocations that the reader has
    def __init__(self, root: bytes, site: str, raws: list, revocations: list[bytes]) -> None:
        self.all, self.revoked = [], []
        for new in map(Certificate, raws):
            need(new.site == site and re.fullmatch(NAME, site), f"{new.what} is for site {new.site}")
            need(all(new.serial != old.serial or new.raw == old.raw for old in self.all), f"{new.what}: serial again")
            by = [old for old in self.all if old.holder == new.signed.kid and old.role == "issuer"]
            by = [(old.algorithm, old.key) for old in by if old.begins <= new.begins and new.ends <= old.ends]
            by = [(SLH_DSA, root)] if new.role == "issuer" else by
            need(by, f"{new.what}: no issuer in this file whose validity spans it")
            new.signed.verify(*by[0], new.what)
            self.all.append(new)
        for signed in [Signed(raw, "revocation", 5) for raw in revocations]:
            _, where, serial, time, reason = signed.payload
            for about in [each for each in self.all if each.serial == serial]:
                by = None if signed.kid == kid(root) else self.find(signed.kid, "issuer", time)
                need(where == site and (by is None or about.role != "issuer"), "revocation: site, or not by root")
                signed.verify(*((by.algorithm, by.key) if by else (SLH_DSA, root)), "revocation")
                self.revoked.append((serial, time, reason == "key-compromise"))

    def find(self, holder: bytes, role: str, at: int, name: str | None = None) -> Certificate:
        """The certificate of ``holder`` that held at a time; of who signed a revocation, whatever the others say."""
        gone = [(serial, spoils) for serial, time, spoils in self.revoked if time <= at and role != "issuer"]
        for each in [each for each in reversed(self.all) if each.holder == holder]:
            related = [other.serial for other in self.all if other.holder in (each.signed.kid, holder)]
            is_gone = any(serial == each.serial or (spoils and serial in related) for serial, spoils in gone)
            if (each.role, each.name) == (role, name or each.name) and each.begins <= at < each.ends and not is_gone:
                return each
        raise ValueError(f"no certificate of {role} {name or holder.hex()} that held at {when(at)}")


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def climb(digest: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion path leads to (RFC 9162 section 2.1.3)."""
    if size == 1 and not path:  # where but one of them is so, what follows raises
        return digest
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return node(climb(digest, index, half, path[:-1]), path[-1])
    return node(path[-1], climb(digest, index - half, size - half, path[:-1]))


def grow(old: int, new: int, path: list[bytes], root: bytes | None) -> tuple[bytes, bytes]:
    """The roots of both trees that a consistency path leads to (2.1.4); ``root`` while the old one is whole."""
    need(len(path) == (root is None) if old == new else path, "the consistency path has another length")
    if old == new:
        return (root or path[0],) * 2
    half = 1 << (new - 1).bit_length() - 1
    if old <= half:
        first, second = grow(old, half, path[:-1], root)
        return first, node(second, path[-1])
    first, second = grow(old - half, new - half, path[:-1], None)
    return node(path[-1], first), node(path[-1], second)


def base64(text: str) -> bytes:
    raw = b64decode(text.encode("ascii", "replace"))
    need(b64encode(raw).decode() == text, "not base64")
    return raw


class Proof:  # a C2SP tlog-proof, and the checkpoint in it
    def __init__(self, text: str) -> None:
        shape = r"c2sp\.org/tlog-proof@v1\n(?:extra (\S+)\n)?index (0|[1-9][0-9]{0,18})\n((?:\S{44}\n){0,63})\n"
        shape += r"([^\x00-\x1f]{1,255})\n(0|[1-9][0-9]{0,18})\n(\S{44})\n(?:[^\x00-\x1f]+\n)*\n"
        shape += r"((?:\u2014 [^\x00-\x1f\s+]{1,255} (?!\S{6}==)\S{8,}\n){1,16})"  # a key id of 4 bytes, and more
        found = re.fullmatch(shape, text)
        need(found and len(text) <= 1 << 17, "proof is no tlog-proof with a checkpoint")
        extra, index, path, self.origin, size, root, lines = found.groups("")
        self.index, self.size, self.path = int(index), int(size), [base64(line) for line in path.split()]
        self.root, _ = base64(root), base64(extra)
        need(hashes([*self.path, self.root]) and is_uint(self.index, self.size), "a hash or number of the proof")
        self.lines = [(name, base64(raw)) for _, name, raw in (line.split(" ") for line in lines.splitlines())]

    def signed_at(self, name: str, key: bytes) -> int | None:
        """The POSIX time of the cosignature (C2SP tlog-cosignature, type 6); None where there is none."""
        key_id = sha256(name.encode() + b"\n\6" + key).digest()[:4]
        raw = next((raw for who, raw in self.lines if (who, raw[:4]) == (name, key_id)), None)
        if raw is None:
            return None
        need(len(raw) == 4 + 8 + 2420 and raw[4] < 128, "cosignature of another length or time")
        message = b"subtree/v1\n\0" + bytes([len(name)]) + name.encode() + raw[4:12]
        message += bytes([len(self.origin)]) + self.origin.encode() + struct.pack(">QQ", 0, self.size) + self.root
        verify(-48, key, raw[12:], message, f"checkpoint, by {name},")
        return int.from_bytes(raw[4:12], "big")


def walk_hash(message: bytes) -> bytes:
    """docs/quantum/walk-hash.md, in whole numbers; no security rests on it."""
    bits = f"{int.from_bytes(message, 'big'):0{8 * len(message)}b}1{8 * len(message):064b}" + "10" * 32
    coins = [("++++", "+-+-", "++--", "+--+"), ("-+++", "+-++", "++-+", "+++-")]
    coins += [("+++-", "+-++", "++-+", "+---"), ("++++", "+i-j", "+-+-", "+j-i")]
    unit = {"+": (1, 0), "-": (-1, 0), "i": (0, 1), "j": (0, -1)}
    cells = {(0, 0): [1 << 59, 0, 1 << 59, -1 << 59, 0, 1 << 59, 0, 0]}  # four real parts, four imaginary ones
    for before, now in zip("0" + bits, bits, strict=False):
        moved: dict = {}
        for c, row in enumerate(coins[int(before + now, 2)]):
            reals, imaginaries = zip(*map(unit.get, row), strict=True)
            real, imaginary = (*reals, *(-each for each in imaginaries)), imaginaries + reals
            for (a, b), parts in cells.items():
                cell = moved.setdefault(((a + 1 - 2 * (c >> 1)) % 7, (b + 1 - 2 * (c & 1)) % 7), [0] * 8)
                cell[c], cell[c + 4] = sum(map(mul, real, parts)) + 1 >> 1, sum(map(mul, imaginary, parts)) + 1 >> 1
        cells = moved
    return bytes(sum(x * x for x in cells.get(divmod(k, 7), [])) >> 80 & 255 for k in range(32))


def check(data: bytes, root_kid: str | None, revocations: list[bytes]):
    """Yield what holds, step by step; whatever it raises says that the next thing does not."""
    members = decode(data, 9 if data[:1] == b"\xa9" else 8)
    form, raw, place, proof, closing, certificates, root, anchor, signed = members if members[8:] else [*members, None]
    need((signed is None) == (len(members) == 8) and (signed is None or place is not None), "a signature of nothing")
    need({*map(type, (place or [], closing, certificates, root, anchor or []))} == {list}, "no array where one belongs")
    need(len(data) <= 2 << 20 and len(certificates) <= 32, "too long, or too many certificates")
    (block, index, path), (family, root), (statement, anchor_path) = closing, root, anchor or (None, [])
    need(form == "qcot-evidence/v2" and family == "SLH-DSA-SHA2-128s" and hashes([root]), "another format or root")
    need(hashes(path) and hashes(anchor_path) and max(map(len, (path, anchor_path))) <= 63, "not at most 63 hashes")
    transaction, proof = Signed(raw, "transaction", 6, (-49,)), Proof(proof)
    _, site, bridge, _, time, entries = transaction.payload
    _, height, _, size, _, first, count, block_time, _, quantum = decode(block, 10)
    at, named = block_time // 1000, kid(root).hex() if root_kid is None else root_kid.replace(" ", "").lower()
    yield f"format: {len(data)} bytes"
    need(named == kid(root).hex(), f"the root is {kid(root).hex()}, not {root_kid}")
    yield f"authority: key {kid(root).hex()}" + ("" if root_kid else ", which is only what the file claims: name it")
    register = Register(root, site, certificates, revocations)
    yield f"certificates: {len(certificates)} lead to that key"
    holder = register.find(transaction.kid, "bridge", at, bridge)
    need(holder.policy == transaction.policy, f"{holder.what} is for another policy")
    transaction.verify(holder.algorithm, holder.key, "transaction")
    yield f"transaction: bridge {bridge} of site {site} signed it at {when(time // 1000)}"
    if place is not None:
        need(len(place) == 3 and is_uint(*place[:2]) and hashes([place[2] or bytes(32)]), "place of another form")
        (told, own), entry = read(entries, place, signed), entries[place[0]]
        yield f"reading: {told}"
        held = register.find(entry[1], "board", at)
        need(held.bridge in (None, bridge), f"{held.what} is for bridge {held.bridge}")
        need({each[2] for each in entries if each[:2] == [2, entry[1]]} <= {held.board[1]}, "board enrolled otherwise")
        yield f"board: certified, a {held.board[2]}"
        need(own is None or is_signed(held.board[6], own), "the board did not sign that itself")
        yield "own signature: " + (f"of the board's LMS key, up to reading {own[3]}" if own else "none is here")
    for leaf, where, way in ((raw, proof.index, proof.path), (block, index, path)):
        need(is_uint(where, most=proof.size - 1), f"no leaf {where} in a tree of {proof.size}")
        need(climb(sha256(b"\0" + leaf).digest(), where, proof.size, way) == proof.root, f"not leaf {where} of the log")
    yield f"inclusion: leaves {proof.index} and {index} of {proof.size}"
    lines = ((g.holder, proof.signed_at(proof.origin, g.key)) for g in register.all if g.role == "gateway")
    key, stamp = next((line for line in lines if line[1] is not None), (b"", 0))
    gateway = register.find(key, "gateway", stamp)
    need(gateway.origin == proof.origin, f"{gateway.what} is for the log {gateway.origin}, not for {proof.origin}")
    yield f"checkpoint: gateway {gateway.name} signed it at {when(stamp)}"
    named = [each for each in register.all if each.role == "witness" and each.name in gateway.cosigners]
    signed = [(w, own) for w in named if (own := proof.signed_at(w.name, w.key)) is not None]  # no key or name twice:
    there = {*{register.find(w.holder, "witness", own or stamp, w.name).holder: w.name for w, own in signed}.values()}
    need(len(there) >= gateway.quorum, f"{len(there)} witnesses cosigned, {gateway.quorum} are needed")
    yield f"witnesses: {len(there)} cosigned, {gateway.quorum} are needed"
    need(first <= proof.index < size == index == first + count and at <= stamp, "the Qblock closes other leaves")
    yield f"Qblock: {height}, of {when(at)}"
    core = cbor2.dumps(dict(list(cbor2.loads(block).items())[:9]))
    need(quantum[1] == walk_hash(sha256(core).digest()), "the walk hash does not follow from the header")
    need(quantum[2] == int.from_bytes(quantum[1][:7], "big") >> 3, "h is not the first 53 bits of the walk hash")
    yield "walk hash: follows (no security rests on it)"
    if anchor is not None:
        _, origin, size, tree, time = Signed(statement, "anchor", 5, (SLH_DSA,)).verify(SLH_DSA, root, "anchor")
        need(origin == proof.origin and is_uint(size - 1), "the anchor is of another log")
        (old, start), (new, end) = sorted([(size, tree), (proof.size, proof.root)])
        need(grow(old, new, anchor_path, start) == (start, end), "the anchor's tree is not that of the checkpoint")
        yield f"anchor: {size} leaves at {when(time // 1000)}, " + ("this too" if index < size else "from before this")


if __name__ == "__main__":
    try:
        file, root, *rest = [*sys.argv[1:], None][: max(2, len(sys.argv) - 1)] if sys.argv[1:] else sys.exit(__doc__)
        for step in check(Path(file).read_bytes(), root, [Path(path).read_bytes() for path in rest]):
            print("holds ", step)
    except Exception as error:  # whatever does not fit the documented form
        sys.exit(f"DOES NOT HOLD: {error if type(error) is ValueError else repr(error)}")
