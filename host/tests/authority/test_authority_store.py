"""The authority: who gets a certificate and who does not, what is on disk, and what takes the root key."""

import hashlib
import shutil

import pytest
from authority_site import (
    BRIDGE,
    CHALLENGE,
    DEVICE,
    DEVICE_KEY,
    GATEWAY,
    IMAGE,
    NOW,
    OTHER,
    board_request,
    bridge_request,
    enrolled,
    gateway_request,
    name,
)
from qcot.authority.store import DAY, VALIDITY, AuthorityStore
from qcot.certificates import certificate, request, revocation
from qcot.certificates.certificate import Role
from qcot.certificates.register import Register
from qcot.crypto import merkle
from qcot.crypto.kem import ML_KEM_768, KemKey
from qcot.crypto.signing import ML_DSA_65, SigningKey
from qcot.ledger import anchor
from qcot.link import keys
from qcot.link.frames import seal
from qcot.link.messages import Enrolled


def sealed(raw, store):
    return request.seal(raw, store.public.kem)


def register(store, *raw):
    found = Register(store.root, "lab").admit(store.issuer().raw, NOW)
    for each in raw:
        found = found.admit(each, NOW)
    return found


def test_a_certificate_is_one_that_every_register_under_the_root_admits(store):
    bridge, gateway = store.issue(bridge_request(), NOW), store.issue(gateway_request(), NOW)
    known = register(store, bridge.raw, gateway.raw)
    assert known.require(BRIDGE.public_key.kid, Role.BRIDGE, NOW, "attic").policy == "p-1"
    found = known.require(GATEWAY.public_key.kid, Role.GATEWAY, NOW, "gateway")
    assert (found.log.origin, found.log.quorum, found.log.cosigners) == ("qcot/lab/gateway", 1, ("witness",))
    assert known.chain(BRIDGE.public_key.kid)[1].issuer == store.root.kid
    assert store.root.algorithm.name == "SLH-DSA-SHA2-128s"


def test_a_board_is_certified_through_its_bridge_with_a_commitment_to_its_key(store):
    store.issue(bridge_request(), NOW)
    found = store.issue(sealed(board_request(), store), NOW)
    assert (found.role, found.name, found.policy) == (Role.BOARD, DEVICE.hex(), "p-1")
    assert found.bridge == "attic"  # by the certificate that was issued for the key that asks
    assert found.board.commitment == hashlib.sha256(b"qcot/device-key/v1" + DEVICE + DEVICE_KEY).digest()
    assert (found.board.image, found.board.model, found.board.firmware) == (IMAGE, "uno", b"\x00\x01\x00")


def test_a_board_moves_to_another_bridge_by_a_new_certificate_and_with_its_key_alone(store):
    for each in (bridge_request(), bridge_request(OTHER, "cellar")):
        store.issue(each, NOW)
    assert store.issue(sealed(board_request(), store), NOW).bridge == "attic"
    theirs = board_request(OTHER, device_key=b"x" * 32, frame=enrolled(key=b"x" * 32))
    assert name(store.issue, sealed(theirs, store), NOW) == "device-taken"
    assert store.issue(sealed(board_request(OTHER), store), NOW + 1).bridge == "cellar"


def test_a_request_is_shown_before_it_is_decided(store):
    store.close_window()
    board, bridge = store.read(sealed(board_request(), store)), store.read(bridge_request())
    assert (board.device, board.bridge) == (DEVICE, BRIDGE.public_key.kid)
    assert (bridge.role, bridge.name, bridge.key) == (Role.BRIDGE, "attic", BRIDGE.public_key)
    assert len(store.issued()) == 1


def test_the_boards_key_is_not_kept(store, folder):
    store.issue(bridge_request(), NOW)
    store.issue(sealed(board_request(device_key=b"the device's key that is secret!",
                                     frame=enrolled(key=b"the device's key that is secret!")), store), NOW)  # fmt: skip
    store.close()
    assert not [path for path in folder.iterdir() if b"the device's key" in path.read_bytes()]


def test_the_same_request_again_gives_the_same_certificate_even_when_the_window_has_closed(store, folder):
    bridge = store.issue(bridge := bridge_request(), NOW), bridge
    board = store.issue(sealed(said := board_request(), store), NOW), said
    store.close_window()
    store.close()
    with AuthorityStore(folder) as again:
        assert again.issue(bridge[1], NOW + DAY).raw == bridge[0].raw
        assert again.issue(sealed(board[1], again), NOW + DAY).raw == board[0].raw
        assert [each.hash for each in again.issued()[1:]] == [bridge[0].hash, board[0].hash]


def test_the_window_is_closed_until_the_operator_opens_it_and_closes_by_itself(folder):
    with AuthorityStore(folder) as store:
        assert store.window(NOW) is None
        assert name(store.issue, bridge_request(), NOW) == "window-closed"
        assert store.open_window(60, NOW) == NOW + 60
    with AuthorityStore(folder) as store:
        assert (store.window(NOW + 59), store.window(NOW + 60)) == (NOW + 60, None)
        assert store.window(NOW - 1) is None  # of a clock that was set back
        assert name(store.issue, bridge_request(), NOW + 60) == "window-closed"
        assert store.issue(bridge_request(), NOW + 59).name == "attic"
        store.close_window()
        assert name(store.issue, bridge_request(OTHER, "cellar"), NOW + 1) == "window-closed"
    for seconds in (0, -1, 7 * DAY + 1):
        with AuthorityStore(folder) as store:
            assert name(store.open_window, seconds, NOW) == "bad-window"


def test_a_refused_request_leaves_nothing_behind(store):
    forged = bridge_request().replace(b"attic", b"attik")
    unproven = board_request(frame=enrolled(key=b"x" * 32))
    refused = {
        "request-forged": forged,
        "certificate-wrong-site": bridge_request(site="home"),
        "certificate-unknown": sealed(board_request(OTHER), store),
        "request-unsealed": board_request(),
        "request-for-another": request.seal(board_request(), KemKey.generate(ML_KEM_768).public_key),
        "bad-cbor": b"junk",
        "bad-cose": store.issuer().raw,
        "bad-request": b"\xa0",
    }
    for problem, raw in refused.items():
        assert name(store.issue, raw, NOW) == problem
    store.issue(bridge_request(), NOW)
    assert name(store.issue, sealed(unproven, store), NOW) == "possession-unproven"
    assert [each.role for each in store.issued()] == ["issuer", "bridge"]


def test_a_request_is_heard_for_seven_days(store):
    store.open_window(600, NOW)
    for time in (NOW - 7 * DAY - 1, NOW + 301):
        assert name(store.issue, bridge_request(time=time), NOW) == "request-stale"
    assert store.issue(bridge_request(time=NOW - 7 * DAY), NOW)
    assert store.issue(bridge_request(OTHER, "cellar", time=NOW + 300), NOW)


FRAMES = {
    "MAC of another key": enrolled(key=b"x" * 32),
    "MAC for another challenge": enrolled(challenge=b"d" * 16),
    "of another board": enrolled(device=b"another!"),
    "without a MAC": seal(Enrolled.TYPE, Enrolled(DEVICE, CHALLENGE, IMAGE).encode(), 1),
    "of another type": seal(0x06, bytes(30), 1, keys.enrolment_key(DEVICE_KEY, CHALLENGE)),
    "of another length": seal(Enrolled.TYPE, bytes(55), 1, keys.enrolment_key(DEVICE_KEY, CHALLENGE)),
    "CRC wrong": enrolled()[:-1] + bytes([enrolled()[-1] ^ 1]),
    "cut": enrolled()[:20],
    "empty": b"",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_board_that_did_not_prove_its_key_is_not_certified(store, frame):
    store.issue(bridge_request(), NOW)
    assert name(store.issue, sealed(board_request(frame=frame), store), NOW) == "possession-unproven"


def test_a_board_is_asked_for_by_a_bridge_that_holds_a_certificate(store):
    bridge = store.issue(bridge_request(), NOW)
    store.issue(gateway_request(), NOW)
    assert name(store.issue, sealed(board_request(OTHER), store), NOW) == "certificate-unknown"
    assert name(store.issue, sealed(board_request(GATEWAY), store), NOW) == "certificate-wrong-role"
    store.revoke(bridge.serial, "ceased", NOW)
    assert name(store.issue, sealed(board_request(), store), NOW) == "certificate-revoked"


def test_a_board_keeps_its_first_key_and_may_be_certified_again_with_it(store):
    store.issue(bridge_request(), NOW)
    store.issue(sealed(board_request(), store), NOW)
    other = board_request(device_key=b"x" * 32, frame=enrolled(key=b"x" * 32))
    assert name(store.issue, sealed(other, store), NOW) == "device-taken"
    assert store.issue(sealed(board_request(model="mega"), store), NOW).board.model == "mega"


def test_a_name_stays_with_its_key_unless_the_operator_says_that_it_is_replaced(store):
    store.issue(bridge_request(), NOW)
    taking = bridge_request(OTHER)
    assert name(store.issue, taking, NOW) == "name-taken"
    assert store.issue(bridge_request(policy="p-2"), NOW).policy == "p-2"
    assert store.issue(taking, NOW, replace=True).key == OTHER.public_key
    assert store.issue(bridge_request(OTHER, policy="p-3"), NOW).policy == "p-3"  # it has the name now, and renews
    assert name(store.issue, bridge_request(policy="p-4"), NOW) == "name-taken"  # it gave it over
    third = bridge_request(SigningKey(ML_DSA_65, b"\x09" * 32))
    for each in store.issued()[1:]:
        store.revoke(each.serial, "superseded", NOW)
    assert store.issue(third, NOW).name == "attic"


def test_a_certificate_begins_before_clocks_that_differ_and_ends_with_its_issuer(store):
    issuer = store.issuer()
    found = store.issue(bridge_request(), NOW)
    assert (found.not_before, found.not_after, found.issued_at) == (NOW - 300, NOW + VALIDITY[Role.BRIDGE], NOW)
    late = issuer.not_after - DAY
    store.open_window(600, late)
    assert store.issue(bridge_request(OTHER, "cellar", time=late), late).not_after == issuer.not_after
    short = bridge_request(OTHER, "shed", time=late)
    assert store.issue(short, late, validity=3600).not_after == late + 3600
    for validity in (59, 31 * 365 * DAY):
        assert name(store.issue, bridge_request(called="loft", time=late), late, validity=validity) == "bad-validity"
    store.open_window(600, issuer.not_after)
    assert name(store.issue, bridge_request(time=issuer.not_after), issuer.not_after) == "issuer-unfit"


def test_a_revocation_is_what_every_register_takes_and_again_the_same(store):
    bridge = store.issue(asked := bridge_request(), NOW)
    raw = store.revoke(bridge.serial, "key-compromise", NOW + 1)
    assert store.revoke(bridge.serial, "key-compromise", NOW + 2) == raw
    assert store.revocations() == (raw,)
    fallen = register(store, bridge.raw).revoke(raw)
    assert name(fallen.require, BRIDGE.public_key.kid, Role.BRIDGE, NOW + 1) == "certificate-revoked"
    assert name(store.issue, asked, NOW + 1) == "certificate-revoked"
    assert name(store.issue, bridge_request(called="loft"), NOW + 1) == "certificate-revoked"
    assert store.issued()[1].revoked == ("key-compromise",)
    worse = store.revoke(bridge.serial, "ceased", NOW + 3)
    assert (revocation.parse(worse).reason.name, len(store.revocations())) == ("ceased", 2)


def test_what_was_never_issued_or_for_no_known_reason_is_not_revoked(store):
    assert name(store.revoke, b"s" * 16, "ceased", NOW) == "no-such-certificate"
    assert name(store.revoke, store.issuer().serial, "whim", NOW) == "reason-unknown"


def test_all_but_anchors_and_issuers_goes_on_while_the_root_is_in_its_safe(store, folder):
    root = (folder / "root.key").rename(folder.parent / "safe")
    bridge = store.issue(bridge_request(), NOW)
    store.issue(sealed(board_request(), store), NOW)
    store.revoke(bridge.serial, "ceased", NOW)
    issuer = store.issuer()
    for call, arguments in (
        (store.rotate_issuer, {"now": NOW}),
        (store.revoke, {"serial": issuer.serial, "reason": "superseded", "now": NOW}),
        (store.anchor, {"origin": "o", "size": 1, "root": bytes(32), "now_ms": NOW * 1000}),
    ):
        assert name(call, **arguments) == "root-offline"
    assert (store.issuer(), store.last_anchor("o")) == (issuer, None)
    (folder / "root.key").write_bytes(bytes(64))
    (folder / "root.key").chmod(0o600)
    assert name(store.rotate_issuer, NOW) == "root-differs"
    root.replace(folder / "root.key")
    assert name(store.anchor, origin="", size=1, root=bytes(32), now_ms=NOW * 1000) == "bad-anchor"


def test_a_new_issuer_goes_on_and_what_the_old_one_issued_stays_good(rotated, tmp_path):
    folder = shutil.copytree(rotated, tmp_path / "authority")
    with AuthorityStore(folder) as store:
        new = store.issuer()
        assert (new.role, new.issuer) == (Role.ISSUER, store.root.kid)
        old, bridge = (certificate.parse(each.raw) for each in store.issued()[:2])
        cellar = store.issue(bridge_request(OTHER, "cellar"), NOW + 5)
        known = register(store, old.raw, bridge.raw, cellar.raw)
        assert known.chain(OTHER.public_key.kid)[1] == new
        assert known.chain(BRIDGE.public_key.kid)[1] == old
        fallen = known.revoke(store.revoke(bridge.serial, "ceased", NOW + 6))
        assert name(fallen.require, BRIDGE.public_key.kid, Role.BRIDGE, NOW + 6) == "certificate-revoked"
    secret = (rotated.parent / "issuing.old").read_bytes()
    assert not [path for path in folder.iterdir() if secret in path.read_bytes()]


def test_an_issuer_that_the_root_revoked_issues_no_more_until_there_is_another(store):
    raw = store.revoke(store.issuer().serial, "key-compromise", NOW)
    assert revocation.parse(raw).by == store.root.kid
    assert name(store.issue, bridge_request(), NOW) == "issuer-unfit"
    store.rotate_issuer(NOW)
    found = store.issue(bridge_request(), NOW)
    assert register(store, found.raw).revoke(raw).require(found.kid, Role.BRIDGE, NOW) == found


def tree(size):
    leaves = [merkle.leaf_hash(bytes([at])) for at in range(size)]
    nodes, frontier = {}, merkle.Frontier()
    for leaf in leaves:
        frontier, made = frontier.append(leaf)
        nodes.update({(level, index): digest for level, index, digest in made})
    return frontier.root(), lambda level, index: nodes[level, index]


def test_the_root_anchors_a_log_that_only_grows(store):
    (five, _), (nine, node) = tree(5), tree(9)
    proof = merkle.consistency_path(5, 9, node)
    first = store.anchor(origin="qcot/lab/gateway", size=5, root=five, now_ms=NOW * 1000)
    found = anchor.parse(first)
    found.verify(store.root)
    assert (found.origin, found.size, found.root, found.time) == ("qcot/lab/gateway", 5, five, NOW * 1000)
    again = store.anchor(origin="qcot/lab/gateway", size=5, root=five, now_ms=NOW * 1000 + 9)
    assert (again, store.last_anchor("qcot/lab/gateway")) == (first, found)
    for problem, size, root, path in (
        ("anchor-conflict", 5, nine, ()),
        ("anchor-behind", 4, tree(4)[0], ()),
        ("anchor-unproven", 9, nine, ()),
        ("anchor-unproven", 9, five, proof),
        ("anchor-unproven", 9, nine, proof[1:]),
    ):
        given = {"size": size, "root": root, "consistency": path, "now_ms": NOW * 1000}
        assert name(store.anchor, origin="qcot/lab/gateway", **given) == problem
    grown = store.anchor(origin="qcot/lab/gateway", size=9, root=nine, now_ms=NOW * 1000, consistency=proof)
    assert (anchor.parse(grown).size, store.last_anchor("another")) == (9, None)


def test_the_first_certificate_in_the_list_is_the_issuers(store):
    (issuer,) = store.issued()
    assert (issuer.role, issuer.raw, issuer.revoked) == ("issuer", store.issuer().raw, ())
    found = certificate.parse(issuer.raw)
    assert (found.not_before, found.not_after) == (NOW - 3600, NOW + VALIDITY[Role.ISSUER])
