"""C2SP text: signed by the letter of the specification, and read strictly."""

import hashlib
import struct
from base64 import b64decode, b64encode

import pytest
from characters import CHARACTERS
from hypothesis import given
from hypothesis import strategies as st
from ledger_site import GATEWAY_KEY
from qcot.crypto import merkle
from qcot.crypto.signing import ML_DSA_44, PublicKey, SigningKey
from qcot.errors import QcotError
from qcot.ledger import checkpoint
from qcot.ledger.checkpoint import Consistency, Proof, VerifierKey

ROOT = hashlib.sha256(b"root").digest()
VERIFIER = VerifierKey("example.com/gateway", GATEWAY_KEY.public_key)
ORIGIN = "example.com/log"
TEXT = checkpoint.sign(GATEWAY_KEY, VERIFIER.name, origin=ORIGIN, size=20852163, root=ROOT, stamp=1679315147)
PATH = tuple(hashlib.sha256(bytes([i])).digest() for i in range(3))
PROOF = Proof(5, PATH, checkpoint.parse(TEXT))


def name(call, *arguments) -> str:
    with pytest.raises(QcotError) as caught:
        call(*arguments)
    return caught.value.problem.name


def test_the_cosignature_is_over_the_cosigned_message_of_the_specification():
    lines = TEXT.split("\n")
    assert lines[:4] == [ORIGIN, "20852163", b64encode(ROOT).decode(), ""]
    dash, who, encoded = lines[4].split(" ")
    assert (dash, who, lines[5:]) == ("\u2014", VERIFIER.name, [""])
    raw = b64decode(encoded)
    key = GATEWAY_KEY.public_key.raw
    assert raw[:4] == hashlib.sha256(b"example.com/gateway\n\x06" + key).digest()[:4]
    assert raw[4:12] == struct.pack(">Q", 1679315147)
    message = b"subtree/v1\n\0" + b"\x13example.com/gateway" + raw[4:12] + b"\x0fexample.com/log"
    message += struct.pack(">QQ", 0, 20852163) + ROOT
    PublicKey(ML_DSA_44, key).verify(raw[12:], message)


def test_a_checkpoint_reads_back_and_tells_when_it_was_signed():
    read = checkpoint.parse(TEXT)
    assert (read.origin, read.size, read.root, read.text) == (ORIGIN, 20852163, ROOT, TEXT)
    assert read.verify(VERIFIER) == 1679315147


@pytest.mark.parametrize(
    ("old", "new"),
    [(ORIGIN, "example.com/l0g"), ("20852163", "20852164"), (b64encode(ROOT).decode(), b64encode(bytes(32)).decode())],
)
def test_a_changed_head_does_not_verify(old, new):
    assert name(checkpoint.parse(TEXT.replace(old, new, 1)).verify, VERIFIER) == "bad-signature"


def test_a_changed_timestamp_does_not_verify():
    head, encoded = TEXT[:-1].rsplit(" ", 1)
    raw = bytearray(b64decode(encoded))
    raw[11] ^= 1
    changed = f"{head} {b64encode(bytes(raw)).decode()}\n"
    assert name(checkpoint.parse(changed).verify, VERIFIER) == "bad-signature"


def test_only_the_line_of_the_known_key_counts():
    other = SigningKey(ML_DSA_44, bytes(32))
    assert name(checkpoint.parse(TEXT).verify, VerifierKey(VERIFIER.name, other.public_key)) == "checkpoint-unsigned"
    assert name(checkpoint.parse(TEXT).verify, VerifierKey("other", GATEWAY_KEY.public_key)) == "checkpoint-unsigned"
    second = checkpoint.sign(other, "witness", origin=ORIGIN, size=20852163, root=ROOT, stamp=1)
    both = checkpoint.parse(TEXT + second.split("\n\n")[1])
    assert both.verify(VERIFIER) == 1679315147
    assert both.verify(VerifierKey("witness", other.public_key)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT.replace("\n\n", "\n"),
        TEXT.replace("20852163", "020852163"),
        TEXT.replace("20852163", "-1"),
        TEXT.replace("20852163", str(1 << 63)),
        TEXT.replace("20852163", "2 0852163"),
        TEXT.replace("20852163", "٣"),
        TEXT.replace(ORIGIN, ""),
        TEXT.replace(ORIGIN, "o" * 256),
        TEXT.replace(ORIGIN, "a\x00b"),
        TEXT.replace(ORIGIN, "a\tb"),
        TEXT.replace(b64encode(ROOT).decode(), b64encode(ROOT[:-1]).decode()),
        TEXT.replace(b64encode(ROOT).decode(), "!" * 44),
        TEXT.replace("\u2014", "-"),
        TEXT.replace("\n", "\r\n"),
        TEXT + "\n",
        TEXT + "stray\n",
        TEXT + "\u2014 name AAAA\n",
        TEXT + "\u2014 name\n",
        TEXT + 16 * "\u2014 name AAAAAAA=\n",
        TEXT + "\u2014 na+me AAAAAAA=\n",
        TEXT + "\u2014 name AAAAAAB=\n",
    ],
)
def test_text_that_is_not_exactly_a_checkpoint_is_refused(text):
    assert name(checkpoint.parse, text) == "bad-checkpoint"


def test_extension_lines_and_signatures_of_strangers_are_read_past():
    """C2SP signed-note and tlog-checkpoint: a consumer ignores both, and no ML-DSA-44 cosignature covers the first."""
    head, tail = TEXT.split("\n\n")
    stranger = f"\u2014 w\u00efttness.example/w1 {b64encode(bytes(76)).decode()}\n"
    for text in (
        f"{head}\nextension of 3 words\n\n{tail}",
        TEXT + stranger,
        f"{head}\n\n{stranger}{tail}",
        TEXT + f"\u2014 {VERIFIER.name} {b64encode(bytes(76)).decode()}\n",  # this name, another key
    ):
        read = checkpoint.parse(text)
        assert (read.origin, read.size, read.root, read.text) == (ORIGIN, 20852163, ROOT, text)
        assert read.verify(VERIFIER) == 1679315147


def test_an_origin_may_be_any_line():
    text = checkpoint.sign(GATEWAY_KEY, "g", origin="Go.\u00b7 sum database", size=1, root=ROOT, stamp=0)
    assert checkpoint.parse(text).origin == "Go.\u00b7 sum database"
    assert checkpoint.parse(text).verify(VerifierKey("g", GATEWAY_KEY.public_key)) == 0


def test_as_many_signature_lines_are_taken_as_the_specification_demands():
    line = f"\u2014 stranger {b64encode(bytes(4700)).decode()}\n"
    assert len(checkpoint.parse(TEXT + 15 * line).signatures) == 16


def test_a_key_id_in_capitals_is_the_same():
    capitals = str(VERIFIER).replace(VERIFIER.key_id.hex(), VERIFIER.key_id.hex().upper())
    assert VerifierKey.parse(capitals) == VERIFIER


def test_a_consistency_proof_is_laid_out_as_a_request_to_a_witness_and_reads_back():
    proof = Consistency(20852014, PATH, checkpoint.parse(TEXT))
    lines = str(proof).split("\n")
    assert lines[0] == "old 20852014"
    assert lines[1:4] == [b64encode(digest).decode() for digest in PATH]
    assert "\n".join(lines[4:]) == "\n" + TEXT
    assert checkpoint.parse_consistency(str(proof)) == proof
    first = Consistency(0, (), proof.checkpoint)
    assert checkpoint.parse_consistency(str(first)) == first
    assert first.follows(b"whatever")
    assert not Consistency(0, PATH, proof.checkpoint).follows(b"whatever")


@pytest.mark.parametrize(
    ("old", "new"),
    [("old 5", "old 05"), ("old 5", "new 5"), ("old 5", "old -1"), ("old 5\n", "old 5\n" + 64 * (44 * "A" + "\n")),
     (b64encode(PATH[1]).decode(), "AAAA"), ("\n\n", "\n")],
)  # fmt: skip
def test_text_that_is_not_exactly_a_request_is_refused(old, new):
    text = str(Consistency(5, PATH, checkpoint.parse(TEXT))).replace(old, new, 1)
    assert name(checkpoint.parse_consistency, text) in ("bad-proof", "bad-checkpoint")


def test_a_cosignature_of_another_length_or_a_time_out_of_range_is_refused():
    for raw in (VERIFIER.key_id + b"x", VERIFIER.key_id + b"\xff" * 2428):
        line = f"\u2014 {VERIFIER.name} {b64encode(raw).decode()}\n"
        read = checkpoint.parse(TEXT.split("\n\n")[0] + "\n\n" + line)
        assert name(read.verify, VERIFIER) == "bad-checkpoint"


def test_a_verifier_key_reads_back():
    text = str(VERIFIER)
    assert VerifierKey.parse(text) == VERIFIER
    who, key_id, material = text.split("+", 2)
    assert (who, key_id) == (VERIFIER.name, VERIFIER.key_id.hex())
    assert b64decode(material) == b"\x06" + GATEWAY_KEY.public_key.raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        str(VERIFIER).replace("example", "exampel", 1),
        str(VERIFIER)[:-4],
        str(VERIFIER) + "AAAA",
        str(VERIFIER).replace(VERIFIER.key_id.hex(), "00000000"),
        "a+b" + str(VERIFIER)[len(VERIFIER.name) :],
        "n+00000000+" + b64encode(b"\x01" + bytes(32)).decode(),
        "with space" + str(VERIFIER)[len(VERIFIER.name) :],
    ],
)
def test_a_verifier_key_that_does_not_fit_itself_is_refused(text):
    assert name(VerifierKey.parse, text) == "bad-verifier-key"


@pytest.mark.parametrize("proof", [PROOF, Proof(0, (), PROOF.checkpoint), Proof(5, PATH, PROOF.checkpoint, b"extra")])
def test_a_proof_reads_back(proof):
    assert checkpoint.parse_proof(str(proof)) == proof


def test_a_proof_is_laid_out_as_the_specification_says():
    lines = str(Proof(5, PATH, PROOF.checkpoint, b"x")).split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra eA==", "index 5"]
    assert lines[3:6] == [b64encode(digest).decode() for digest in PATH]
    assert "\n".join(lines[6:]) == "\n" + TEXT


def test_a_proof_of_inclusion_holds_for_its_leaf_alone():
    tree, nodes = merkle.Frontier(), {}
    for i in range(7):
        tree, made = tree.append(merkle.leaf_hash(bytes([i])))
        nodes |= {(level, index): digest for level, index, digest in made}
    text = checkpoint.sign(GATEWAY_KEY, "g", origin="o", size=7, root=tree.root(), stamp=0)
    path = merkle.inclusion_path(4, 7, lambda level, index: nodes[level, index])
    proof = Proof(4, tuple(path), checkpoint.parse(text))
    assert proof.includes(b"\x04")
    assert not proof.includes(b"\x05")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 5", "index 05"),
        ("index 5", "index -5"),
        ("index 5", "Index 5"),
        ("index 5\n", ""),
        ("index 5", "extra !\nindex 5"),
        (b64encode(PATH[1]).decode(), "AAAA"),
        (b64encode(PATH[1]).decode(), "*"),
        ("index 5\n", "index 5\n" + 64 * (b64encode(PATH[1]).decode() + "\n")),
    ],
)
def test_text_that_is_not_exactly_a_proof_is_refused(old, new):
    assert name(checkpoint.parse_proof, str(PROOF).replace(old, new, 1)) == "bad-proof"
    assert name(checkpoint.parse_proof, str(PROOF).replace(ORIGIN, "", 1)) in ("bad-checkpoint", "bad-proof")


@given(st.text(CHARACTERS, max_size=200))
def test_any_text_is_refused_by_name(text):
    assert name(checkpoint.parse, text) == "bad-checkpoint"
    assert name(checkpoint.parse_proof, text) == "bad-proof"
    assert name(VerifierKey.parse, text) == "bad-verifier-key"


@given(st.data())
def test_any_changed_character_of_a_proof_is_refused_or_read_as_it_stands(data):
    text = str(PROOF)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(CHARACTERS) + text[at + 1 :]
    try:
        read = checkpoint.parse_proof(changed)
    except QcotError as error:
        refused = error.problem.name
    else:
        refused = None if str(read) == changed else "read as something else"
    assert refused in (None, "bad-proof", "bad-checkpoint")
