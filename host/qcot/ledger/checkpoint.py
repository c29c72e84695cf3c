"""Checkpoints, cosignatures, verifier keys, inclusion and consistency proofs as text.

C2SP signed-note, tlog-checkpoint, tlog-cosignature (signed-note type 0x06, ML-DSA-44), tlog-proof and the request of
tlog-witness. What is read is what those allow, within the limits that docs/evidence.md names; lines of signatures that
nobody here knows, and extension lines, which an ML-DSA-44 cosignature does not cover, are kept and believed by nobody.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from qcot.crypto import merkle
from qcot.crypto.signing import ML_DSA_44, PublicKey, SigningKey
from qcot.errors import Problem, QcotError
from qcot.ledger.problems import BAD_CHECKPOINT, BAD_PROOF, BAD_VERIFIER_KEY, CHECKPOINT_UNSIGNED

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
REQUEST_HEADER = "old "
MAX_SIGNATURES = 16
MAX_SIZE = (1 << 63) - 1
MAX_PATH = 63
_TYPE = b"\x06"
_LABEL = b"subtree/v1\n\x00"
_DASH = "\u2014"
_KEY_ID = 4
_STAMP = struct.Struct(">Q")
_MAX_NAME = 255  # bytes: the cosigned message has one byte for the length
_NAME = re.compile(r"[^\s+]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_MAX_TEXT = 128 * 1024


@dataclass(frozen=True)
class VerifierKey:
    """A cosigner: its name and its ML-DSA-44 key."""

    name: str
    key: PublicKey

    def __post_init__(self) -> None:
        """Refuse what could not stand in a signature line."""
        if self.key.algorithm != ML_DSA_44 or not _is_name(self.name):
            raise QcotError(BAD_VERIFIER_KEY, f"{self.name!r} is not the name of an ML-DSA-44 cosigner")

    @cached_property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name || 0x0A || 0x06 || public key)."""
        return sha256(self.name.encode() + b"\n" + _TYPE + self.key.raw).digest()[:_KEY_ID]

    def __str__(self) -> str:
        """As ``name+hex key id+base64(0x06 || public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(_TYPE + self.key.raw)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a verifier key; raises QcotError `bad-verifier-key`."""
        name, _, rest = text.partition("+")
        key_id, _, material = rest.partition("+")
        raw = _unbase64(material, BAD_VERIFIER_KEY)
        if raw[:1] != _TYPE:
            raise QcotError(BAD_VERIFIER_KEY, "not of signature type 0x06 (ML-DSA-44)")
        try:
            key = cls(name, PublicKey(ML_DSA_44, raw[1:]))
        except QcotError as error:
            raise QcotError(BAD_VERIFIER_KEY, error.reason) from error
        if key.key_id.hex() != key_id.lower():
            raise QcotError(BAD_VERIFIER_KEY, f"key id {key_id!r} is not {key.key_id.hex()}, that of its key")
        return key


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line under a checkpoint: who, and the bytes after the key id."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        """The line, with its end."""
        return f"{_DASH} {self.name} {_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head that was signed: ``text`` is exactly as it was given out."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[SignatureLine, ...]
    text: str

    def is_signed_by(self, verifier: VerifierKey) -> bool:
        """Whether a line claims to be of ``verifier``."""
        return any((line.name, line.key_id) == (verifier.name, verifier.key_id) for line in self.signatures)

    def verify(self, verifier: VerifierKey) -> int:
        """The POSIX time at which ``verifier`` signed; raises `checkpoint-unsigned` or `bad-signature`."""
        for line in self.signatures:
            if (line.name, line.key_id) == (verifier.name, verifier.key_id):
                if len(line.signature) != _STAMP.size + ML_DSA_44.signature_size:
                    raise QcotError(BAD_CHECKPOINT, f"cosignature of {len(line.signature)} bytes")
                (stamp,) = _STAMP.unpack_from(line.signature)
                if stamp > MAX_SIZE:
                    raise QcotError(BAD_CHECKPOINT, f"cosignature of the time {stamp}")
                message = _message(verifier.name, stamp, self.origin, self.size, self.root)
                verifier.key.verify(line.signature[_STAMP.size :], message)
                return int(stamp)
        raise QcotError(CHECKPOINT_UNSIGNED, f"no line by {verifier.name} with key id {verifier.key_id.hex()}")


@dataclass(frozen=True, slots=True)
class Proof:
    """A C2SP tlog-proof: the leaf at ``index`` is in the tree of ``checkpoint``. ``extra`` is not authenticated."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint
    extra: bytes | None = None

    def includes(self, leaf: bytes) -> bool:
        """Whether the path leads from these leaf bytes to the checkpoint's root."""
        root = merkle.root_from_inclusion(merkle.leaf_hash(leaf), self.index, self.checkpoint.size, self.path)
        return root == self.checkpoint.root

    def __str__(self) -> str:
        """As text, to be stored with extension .tlog-proof."""
        lines = [PROOF_HEADER]
        if self.extra is not None:
            lines.append(f"extra {_base64(self.extra)}")
        lines += [f"index {self.index}", *map(_base64, self.path), "", ""]
        return "\n".join(lines) + self.checkpoint.text


@dataclass(frozen=True, slots=True)
class Consistency:
    """The tree of ``checkpoint`` begins with that of ``old`` leaves, as a tlog-witness is asked to check it."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def follows(self, root: bytes) -> bool:
        """Whether the path proves it of the tree of ``old`` leaves with this ``root``; any tree follows the empty."""
        if self.old == 0:
            return not self.path
        return merkle.is_consistent(self.old, self.checkpoint.size, root, self.checkpoint.root, self.path)

    def __str__(self) -> str:
        """As the body of a request to ``add-checkpoint``."""
        return "\n".join([f"{REQUEST_HEADER}{self.old}", *map(_base64, self.path), "", self.checkpoint.text])


def sign(key: SigningKey, name: str, *, origin: str, size: int, root: bytes, stamp: int) -> str:
    """The text of a checkpoint cosigned by ``name`` at POSIX time ``stamp``."""
    line = cosign(key, name, origin=origin, size=size, root=root, stamp=stamp)
    text = f"{origin}\n{size}\n{_base64(root)}\n\n{line}"
    parse(text)
    return text


def cosign(key: SigningKey, name: str, *, origin: str, size: int, root: bytes, stamp: int) -> SignatureLine:
    """The cosignature of ``name`` at POSIX time ``stamp``: a line that is appended to the checkpoint's text."""
    signature = _STAMP.pack(stamp) + key.sign(_message(name, stamp, origin, size, root))
    return SignatureLine(name, VerifierKey(name, key.public_key).key_id, signature)


def parse(text: str) -> Checkpoint:
    """Read a checkpoint, its signatures not verified; raises QcotError `bad-checkpoint`."""
    head, separator, tail = text.partition("\n\n")
    lines = head.split("\n")
    if len(text) > _MAX_TEXT or not separator or not tail.endswith("\n") or len(lines) < 3 or _CONTROL.search(text):
        raise QcotError(BAD_CHECKPOINT, "not origin, size and root, an empty line and signature lines")
    origin, size, root = lines[:3]
    if not 1 <= len(origin.encode(errors="replace")) <= _MAX_NAME:
        raise QcotError(BAD_CHECKPOINT, f"origin {origin[:80]!r}")
    raw = _unbase64(root, BAD_CHECKPOINT)
    if len(raw) != merkle.HASH_SIZE:
        raise QcotError(BAD_CHECKPOINT, f"root of {len(raw)} bytes")
    return Checkpoint(origin, _number(size, BAD_CHECKPOINT), raw, parse_signatures(tail), text)


def parse_signatures(text: str) -> tuple[SignatureLine, ...]:
    """Read signature lines alone, as a witness answers with them; raises QcotError `bad-checkpoint`."""
    lines = text.removesuffix("\n").split("\n")
    if len(text) > _MAX_TEXT or not text.endswith("\n") or len(lines) > MAX_SIGNATURES:
        raise QcotError(BAD_CHECKPOINT, f"not 1 to {MAX_SIGNATURES} whole signature lines")
    return tuple(map(_signature_line, lines))


def parse_proof(text: str) -> Proof:
    """Read a tlog-proof; raises QcotError `bad-proof` or, for the checkpoint in it, `bad-checkpoint`."""
    head, separator, checkpoint = text.partition("\n\n")
    header, *lines = head.split("\n")
    if len(text) > _MAX_TEXT or header != PROOF_HEADER or not separator:
        raise QcotError(BAD_PROOF, f"does not begin with {PROOF_HEADER}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _unbase64(lines.pop(0).removeprefix("extra "), BAD_PROOF)
    if not lines or not lines[0].startswith("index "):
        raise QcotError(BAD_PROOF, "no index line")
    index = _number(lines[0].removeprefix("index "), BAD_PROOF)
    return Proof(index, _path(lines[1:]), parse(checkpoint), extra)


def parse_consistency(text: str) -> Consistency:
    """Read a request to a witness; raises QcotError `bad-proof` or, for the checkpoint in it, `bad-checkpoint`."""
    head, separator, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if len(text) > _MAX_TEXT or not first.startswith(REQUEST_HEADER) or not separator:
        raise QcotError(BAD_PROOF, "does not begin with an old size")
    return Consistency(_number(first.removeprefix(REQUEST_HEADER), BAD_PROOF), _path(lines), parse(checkpoint))


def _path(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_PATH:
        raise QcotError(BAD_PROOF, f"a path of {len(lines)} hashes, at most {MAX_PATH} are taken")
    path = tuple(_unbase64(line, BAD_PROOF) for line in lines)
    if any(len(digest) != merkle.HASH_SIZE for digest in path):
        raise QcotError(BAD_PROOF, "a line of the path is not a hash of 32 bytes")
    return path


def _message(name: str, stamp: int, origin: str, size: int, root: bytes) -> bytes:
    """The cosigned_message of tlog-cosignature, for a whole tree (start 0)."""
    parts = [_LABEL]
    for field, what in ((name.encode(), stamp), (origin.encode(), 0)):
        parts += [bytes((len(field),)), field, _STAMP.pack(what)]
    return b"".join([*parts, _STAMP.pack(size), root])


def _signature_line(line: str) -> SignatureLine:
    match line.split(" "):
        case [dash, name, encoded] if dash == _DASH and _is_name(name):
            raw = _unbase64(encoded, BAD_CHECKPOINT)
            if len(raw) > _KEY_ID:
                return SignatureLine(name, raw[:_KEY_ID], raw[_KEY_ID:])
    raise QcotError(BAD_CHECKPOINT, f"signature line {line[:80]!r}")


def _is_name(text: str) -> bool:
    """Whether signed-note takes it for a key name, and a cosigned message has room for it."""
    return bool(_NAME.fullmatch(text)) and len(text.encode(errors="replace")) <= _MAX_NAME


def _number(text: str, problem: Problem) -> int:
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise QcotError(problem, f"{text[:80]!r} is not a decimal number without leading zeroes")
    return int(text)


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _unbase64(text: str, problem: Problem) -> bytes:
    """Standard base64 in the one form that encodes: strays and odd padding bits are refused."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError as error:
        raise QcotError(problem, f"{text[:80]!r} is not base64") from error
    if _base64(raw) != text:
        raise QcotError(problem, f"{text[:80]!r} is not the base64 of anything")
    return raw
