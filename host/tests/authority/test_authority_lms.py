"""A board's own key is certified only where it has signed for that board; whose key that is, the bridge vouches."""

import pytest
from authority_site import BRIDGE, DEVICE, NOW, OTHER, board_request, bridge_request, enrolled, name
from lms_board import W2, LmsBoard
from qcot.authority.store import AuthorityStore
from qcot.certificates import request
from qcot.certificates.possession import SigningBoard
from qcot.errors import QcotError

PLACE = {"epoch": 3, "seq": 40, "link": b"l" * 32}


def proof(key: LmsBoard, device=DEVICE, public=None, **said) -> SigningBoard:
    place = PLACE | said
    return SigningBoard(public or key.public, **place, signature=key.sign(device, **place))


@pytest.fixture
def asks(store):
    """Ask for a board with ``lms``; requests are different each time."""
    store.issue(bridge_request(), NOW)

    def issue(lms, now=NOW, replace=False, **changes):
        return store.issue(request.seal(board_request(lms=lms, **changes), store.public.kem), now, replace=replace)

    return issue


def test_a_board_that_signs_itself_is_certified_with_its_key(asks):
    key = LmsBoard()
    assert asks(proof(key)).board.lms == key.public
    assert asks(None).board.lms is None


def test_a_signature_of_another_key_or_for_another_board_proves_nothing(asks):
    key, other = LmsBoard(1), LmsBoard(2)
    for lms in (
        proof(other, public=key.public),
        proof(key, device=b"\x01" * 8),
        SigningBoard(key.public, 3, 41, PLACE["link"], proof(key).signature),
        SigningBoard(key.public, **PLACE, signature=proof(key).signature[:-1]),
        proof(key, public=b"no LMS key"),
        proof(key, public=key.public + b"\0"),
        proof(LmsBoard(1, W2)),
    ):
        assert name(asks, lms) == "lms-unproven"


def test_a_certificate_is_renewed_with_the_same_proof_or_with_a_new_one(asks):
    key = LmsBoard()
    first = proof(key)
    serials = {asks(lms, NOW + at).serial for at, lms in enumerate((first, first, proof(key, seq=41)))}
    assert len(serials) == 3


def test_a_key_that_signed_twice_with_one_leaf_is_not_certified(asks, folder):
    key = LmsBoard()
    asks(proof(key))
    key.leaf = 0
    assert name(asks, proof(key, seq=41)) == "lms-leaf-reused"
    with AuthorityStore(folder) as again:  # which remembers
        raw = request.seal(board_request(lms=proof(LmsBoard(), seq=42)), again.public.kem)
        assert name(again.issue, raw, NOW) == "lms-leaf-reused"


def test_the_key_of_one_board_is_not_certified_for_another(asks):
    key, other = LmsBoard(), b"\x07" * 8
    asks(proof(key))
    lms = proof(key, device=other)
    assert name(asks, lms, device=other, frame=enrolled(device=other)) == "lms-unproven"


def test_another_key_of_the_same_board_is_certified_where_the_operator_says_so_and_only_there(store, asks):
    old, new = LmsBoard(1), LmsBoard(2)
    assert asks(None).board.lms is None
    assert store.board_key(DEVICE) is None
    assert asks(proof(old)).board.lms == old.public
    assert asks(None).board.lms is None  # what was certified is not forgotten by a certificate without a key
    with pytest.raises(QcotError) as caught:
        asks(proof(new))
    assert caught.value.problem.name == "lms-key-changed"
    assert old.public.hex() in caught.value.reason
    assert new.public.hex() in caught.value.reason
    assert store.board_key(DEVICE) == old.public
    assert asks(proof(old), NOW + 1).board.lms == old.public
    assert asks(proof(new), NOW + 1, replace=True).board.lms == new.public
    assert asks(proof(new), NOW + 2).board.lms == new.public
    assert name(asks, proof(old), NOW + 2) == "lms-key-changed"  # nor is there a way back unasked


def test_a_revoked_certificate_s_key_is_not_forgotten(store, asks):
    made = asks(proof(LmsBoard(1)))
    store.revoke(made.serial, "superseded", NOW)
    assert name(asks, proof(LmsBoard(2)), NOW + 1) == "lms-key-changed"


def test_a_proof_that_another_bridge_shows_is_that_boards_proof_still(store, asks):
    key = LmsBoard()
    said = proof(key)
    asks(said)
    store.issue(bridge_request(OTHER, "cellar"), NOW)
    raw = request.seal(board_request(OTHER, lms=said), store.public.kem)
    found = store.issue(raw, NOW + 1)
    assert (found.board.lms, found.bridge) == (key.public, "cellar")
    assert BRIDGE.public_key.kid != OTHER.public_key.kid
