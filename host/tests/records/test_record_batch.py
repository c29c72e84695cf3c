"""One item handed out of a record proves itself, and tells nothing of the others."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.crypto import cbor
from qcot.errors import QcotError
from qcot.records import batch, sealing
from qcot.records.batch import Batch, HandedOut, Item
from qcot.records.statements import Publish, build
from record_site import NOW, OWNER, RECORD, access, kem

CONTENTS = [(f"reading-{at}.csv", b"%d,71.5\n" % at) for at in range(5)]


def published(items, by=OWNER) -> tuple[bytes, Batch]:
    tree = Batch(item.leaf() for item in items)
    body = Publish(RECORD, by.public_key, kem(by), tree.root, tree.size, bytes(32), "text/csv")
    return build(by, body, NOW), tree


def root_of(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, which shares nothing with the code but SHA-256."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=40), st.data())
def test_the_root_is_that_of_rfc_9162_over_salted_leaves_and_every_path_leads_to_it(contents, data):
    items = [Item(f"item-{at}", content) for at, content in enumerate(contents)]
    statement, tree = published(items)
    leaves = [cbor.encode(["qcot/record/item/v1", each.salt, each.name, each.content]) for each in items]
    assert tree.root == root_of(leaves)
    at = data.draw(st.integers(0, len(items) - 1))
    HandedOut(statement, at, items[at], tree.path(at)).check()


@pytest.fixture(scope="module")
def handed() -> HandedOut:
    items = [Item(name, content) for name, content in CONTENTS]
    statement, tree = published(items)
    return HandedOut(statement, 3, items[3], tree.path(3))


def test_a_file_is_read_back_as_it_was_written_and_holds(handed):
    assert batch.parse(handed.encode()) == handed
    assert handed.check().body.record == RECORD


def test_anything_else_in_the_items_place_does_not_hold(handed):
    item = handed.item
    other, _ = published([item])
    changed = [
        HandedOut(handed.statement, 2, item, handed.path),
        HandedOut(handed.statement, 5, item, handed.path),
        HandedOut(handed.statement, -1, item, handed.path),
        HandedOut(handed.statement, 3, Item(item.name, item.content + b" ", item.salt), handed.path),
        HandedOut(handed.statement, 3, Item("another", item.content, item.salt), handed.path),
        HandedOut(handed.statement, 3, Item(item.name, item.content, bytes(32)), handed.path),
        HandedOut(handed.statement, 3, item, handed.path[:-1]),
        HandedOut(handed.statement, 3, item, (*handed.path, bytes(32))),
        HandedOut(other, 3, item, handed.path),
    ]
    for each in changed:
        with pytest.raises(QcotError, match="item-differs"):
            each.check()


def test_an_inner_node_does_not_pass_for_an_item(handed):
    """A leaf's hash begins with 0x00 and a node's with 0x01; what is shown as a leaf is hashed as one."""
    items = [Item(name, content) for name, content in CONTENTS[:2]]
    _, tree = published(items)
    inner = items[0].leaf() + items[1].leaf()
    assert Batch([hashlib.sha256(b"\0" + inner).digest()]).root != tree.root


@settings(max_examples=80)
@given(data=st.data())
def test_an_altered_file_is_refused_or_does_not_hold(handed, data):
    raw = bytearray(handed.encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(QcotError):
        batch.parse(bytes(raw)).check()


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(data):
    with pytest.raises(QcotError):
        batch.parse(data)


def test_a_statement_that_publishes_nothing_proves_nothing(handed):
    with pytest.raises(QcotError, match="bad-record"):
        HandedOut(access(OWNER), 3, handed.item, handed.path).check()


def test_a_path_too_long_is_refused_before_it_is_walked(handed):
    long = HandedOut(handed.statement, 3, handed.item, (bytes(32),) * (batch.MAX_PATH + 1))
    with pytest.raises(QcotError, match="bad-record"):
        batch.parse(long.encode())


@pytest.mark.parametrize("name", ["", "a" * 256, "../up", "a/b", "a\\b", ".", "..", "a\nb", "a\0"])
def test_a_name_that_would_lead_elsewhere_when_it_is_written_is_none(name):
    with pytest.raises(QcotError, match="bad-record"):
        Item(name, b"")


def test_without_its_salt_a_content_cannot_be_guessed(handed):
    """Two items of the same name and content have nothing in common: a guess cannot be tested against a leaf."""
    assert Item("a", b"yes").leaf() != Item("a", b"yes").leaf()
    assert len(handed.item.salt) == 32


def test_a_record_of_nothing_is_none():
    with pytest.raises(QcotError, match="bad-record"):
        sealing.seal(RECORD, [])


def test_a_payload_opens_with_its_key_for_its_record_and_its_root_alone():
    sealed = sealing.seal(RECORD, CONTENTS)
    items, tree = sealing.open_(RECORD, sealed.key, sealed.payload, root=sealed.root, count=5)
    assert [(item.name, item.content) for item in items] == CONTENTS
    assert tree.root == sealed.root
    good = {"record_id": RECORD, "key": sealed.key, "payload": sealed.payload, "root": sealed.root, "count": 5}
    wrong = [
        {"record_id": bytes(16)},
        {"key": bytes(32)},
        {"payload": sealed.payload[:-1]},
        {"payload": b""},
        {"payload": sealing.seal(RECORD, CONTENTS).payload},
        {"root": bytes(32)},
        {"count": 4},
    ]
    for each in wrong:
        with pytest.raises(QcotError, match="payload-differs"):
            sealing.open_(**{**good, **each})


def test_the_same_content_sealed_twice_has_nothing_in_common():
    first, second = (sealing.seal(RECORD, CONTENTS) for _ in range(2))
    assert first.root != second.root
    assert first.key != second.key
    assert first.payload[:28] != second.payload[:28]
