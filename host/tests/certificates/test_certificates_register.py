"""The register: what is admitted, what falls, and what still holds when."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.certificates import certificate, revocation, rotation
from qcot.certificates.certificate import Claims, Role
from qcot.certificates.register import Register
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, ML_DSA_87, SigningKey
from qcot.errors import QcotError
from statement_bytes import name
from trust_site import FROM, TO, Authority


class Quick(Authority):
    """An authority whose root signs with ML-DSA, which is far quicker: the rules are the same."""

    def __init__(self, site, number):
        self.site = site
        self.root_key = SigningKey(ML_DSA_87, bytes([number]) * 32)
        self.root = self.root_key.public_key
        self.key = SigningKey(ML_DSA_44, bytes([number]) * 32)
        claims = Claims(Role.ISSUER, site, "issuer", self.key.public_key, FROM, TO, serial=bytes([number]) * 16)
        self.certificate = certificate.issue(self.root_key, claims)


LAB, STRANGER, HOME = Quick("lab", 11), Quick("lab", 12), Quick("home", 13)
OLD, NEW = SigningKey(ML_DSA_65, b"\x01" * 32), SigningKey(ML_DSA_65, b"\x02" * 32)
GATEWAY, SECOND = SigningKey(ML_DSA_44, b"\x03" * 32), SigningKey(ML_DSA_44, b"\x04" * 32)
DEVICE = bytes.fromhex("0123456789abcdef")
NOW = FROM + 1000
BRIDGE = LAB.bridge(OLD, "attic", policy="p-1", serial=b"bridge-serial-01")
BOARD = LAB.board(DEVICE, b"k" * 32)
EMPTY = Register(LAB.root, "lab")
ISSUING = EMPTY.admit(LAB.certificate, NOW)
FULL = ISSUING.admit(BRIDGE, NOW).admit(BOARD, NOW)
ATTIC = OLD.public_key.kid


def issuer_certificate(key, begins=FROM, ends=TO, by=LAB.root_key, serial=b"second-issuer-01"):
    return certificate.issue(by, Claims(Role.ISSUER, "lab", "issuer", key.public_key, begins, ends, serial=serial))


def issued(by, key=NEW, begins=FROM, ends=TO, called="cellar"):
    return certificate.issue(by, Claims(Role.BRIDGE, "lab", called, key.public_key, begins, ends, policy="p-1"))


SECOND_ISSUER = issuer_certificate(SECOND)


def test_a_bridge_is_found_by_its_key_and_a_board_by_its_device_id():
    found = FULL.require(ATTIC, Role.BRIDGE, NOW, "attic")
    assert (found.raw, found.name, found.policy, found.key) == (BRIDGE, "attic", "p-1", OLD.public_key)
    assert FULL.certificate(ATTIC) == found
    board = FULL.require(DEVICE, Role.BOARD, NOW)
    assert FULL.board(DEVICE) == board
    assert (board.raw, board.board.model) == (BOARD, "uno")
    assert (FULL.certificate(b"x" * 16), FULL.board(b"x" * 8)) == (None, None)


def test_the_root_is_a_hash_based_key():
    lab = Authority("lab")
    register = Register(lab.root, "lab").admit(lab.certificate, NOW).admit(lab.bridge(OLD), NOW)
    assert [each.role for each in register.chain(ATTIC)] == [Role.BRIDGE, Role.ISSUER]
    assert lab.root.algorithm.name == "SLH-DSA-SHA2-128s"
    assert name(register.revoke, lab.revoke(lab.certificate)) == "revocation-unauthorized"
    fallen = register.revoke(lab.revoke(lab.certificate, key=lab.root_key))
    assert name(fallen.require, ATTIC, Role.BRIDGE, NOW) == "certificate-revoked"


def test_a_chain_goes_from_the_leaf_to_the_issuer_that_the_root_certified():
    assert [each.raw for each in FULL.chain(ATTIC)] == [BRIDGE, LAB.certificate]
    assert [each.raw for each in FULL.chain(DEVICE)] == [BOARD, LAB.certificate]
    assert [each.raw for each in FULL.chain(LAB.key.public_key.kid)] == [LAB.certificate]
    assert name(FULL.chain, b"x" * 16) == "certificate-unknown"


def test_a_register_never_changes_and_the_same_statement_again_changes_nothing():
    before = repr(ISSUING)
    assert FULL.admit(BRIDGE, NOW) is FULL
    assert FULL.admit(LAB.certificate, NOW) is FULL
    revoked = FULL.revoke(LAB.revoke(BRIDGE))
    assert revoked.revoke(next(iter(revoked.revocations(b"bridge-serial-01"))).raw) is revoked
    assert (repr(ISSUING), ISSUING.certificate(ATTIC)) == (before, None)
    assert FULL.require(ATTIC, Role.BRIDGE, NOW).raw == BRIDGE


def test_what_was_issued_by_nobody_whom_the_root_certified_is_not_admitted():
    assert name(EMPTY.admit, BRIDGE, NOW) == "issuer-unknown"
    assert name(EMPTY.admit, STRANGER.certificate, NOW) == "issuer-unknown"
    assert name(ISSUING.admit, STRANGER.bridge(OLD), NOW) == "issuer-unknown"
    assert name(FULL.admit, issued(GATEWAY), NOW) == "issuer-unknown"
    gateway = FULL.admit(LAB.gateway(GATEWAY), NOW)
    assert name(gateway.admit, issued(GATEWAY), NOW) == "issuer-unknown"


def test_an_issuer_certifies_no_issuer_and_the_root_nobody_else():
    assert name(ISSUING.admit, issuer_certificate(SECOND, by=LAB.key), NOW) == "issuer-unknown"
    assert name(ISSUING.admit, issued(LAB.root_key), NOW) == "issuer-unknown"


def test_a_certificate_under_the_issuers_name_by_another_key_is_forged():
    claims = Claims(Role.BRIDGE, "lab", "attic", NEW.public_key, FROM, TO, policy="p-1")
    good = certificate.parse(certificate.issue(LAB.key, claims))
    forged = good.raw.replace(good.signed.signature, bytes(len(good.signed.signature)))
    assert name(ISSUING.admit, forged, NOW) == "certificate-forged"
    root = certificate.parse(LAB.certificate)
    forged = root.raw.replace(root.signed.signature, bytes(len(root.signed.signature)))
    assert name(EMPTY.admit, forged, NOW) == "certificate-forged"


def test_a_statement_for_another_site_is_refused():
    register = Register(HOME.root, "lab")
    assert name(register.admit, HOME.certificate, NOW) == "certificate-wrong-site"
    assert name(ISSUING.admit, LAB.bridge(NEW, site="home"), NOW) == "certificate-wrong-site"
    elsewhere = revocation.build(LAB.key, site="home", serial=b"s" * 16, time=NOW, reason="ceased")
    assert name(FULL.revoke, elsewhere) == "certificate-wrong-site"
    both = FULL.admit(LAB.bridge(NEW, "attic"), NOW)
    moved = rotation.build(NEW, site="home", old=ATTIC, certificate=b"h" * 32, time=NOW)
    assert name(both.rotate, moved, ATTIC) == "certificate-wrong-site"


def test_validity_begins_with_its_first_second_and_ends_before_its_last():
    register = ISSUING.admit(LAB.bridge(OLD, span=(NOW, NOW + 10)), FROM)
    for at, problem in ((NOW - 1, "certificate-not-yet-valid"), (NOW + 10, "certificate-expired")):
        assert name(register.require, ATTIC, Role.BRIDGE, at) == problem
    for at in (NOW, NOW + 9):
        assert register.require(ATTIC, Role.BRIDGE, at).not_before == NOW


def test_what_has_expired_is_not_admitted_and_what_begins_later_is():
    assert name(ISSUING.admit, LAB.bridge(OLD, span=(FROM, NOW)), NOW) == "certificate-expired"
    assert ISSUING.admit(LAB.bridge(OLD, span=(NOW + 1, TO)), NOW).certificate(ATTIC).not_before == NOW + 1


def test_an_issuer_issues_only_within_its_own_validity():
    short = EMPTY.admit(issuer_certificate(SECOND, NOW, NOW + 100), FROM)
    assert name(short.admit, issued(SECOND, begins=NOW, ends=NOW + 50), NOW - 1) == "certificate-not-yet-valid"
    assert name(short.admit, issued(SECOND, begins=NOW, ends=NOW + 50), NOW + 100) == "certificate-expired"
    for begins, ends in ((NOW - 1, NOW + 50), (NOW, NOW + 101)):
        assert name(short.admit, issued(SECOND, begins=begins, ends=ends), NOW) == "certificate-outlives-issuer"
    assert short.admit(issued(SECOND, begins=NOW, ends=NOW + 100), NOW).certificate(NEW.public_key.kid)


def test_another_role_or_name_than_the_certificates_is_refused():
    assert name(FULL.require, ATTIC, Role.GATEWAY, NOW) == "certificate-wrong-role"
    assert name(FULL.require, DEVICE, Role.BRIDGE, NOW) == "certificate-wrong-role"
    assert name(FULL.require, LAB.key.public_key.kid, Role.BRIDGE, NOW) == "certificate-wrong-role"
    assert name(FULL.require, ATTIC, Role.BRIDGE, NOW, "cellar") == "certificate-wrong-name"
    assert name(FULL.require, b"x" * 16, Role.BRIDGE, NOW) == "certificate-unknown"


def test_a_serial_stands_for_one_certificate():
    other = LAB.bridge(NEW, "cellar", serial=b"bridge-serial-01")
    assert name(FULL.admit, other, NOW) == "serial-reused"


def test_of_several_certificates_of_a_key_one_that_holds_is_enough():
    first, second = LAB.bridge(OLD, span=(FROM, NOW + 10)), LAB.bridge(OLD, span=(NOW + 5, TO))
    register = ISSUING.admit(first, NOW).admit(second, NOW)
    assert register.require(ATTIC, Role.BRIDGE, NOW).raw == first
    assert register.require(ATTIC, Role.BRIDGE, NOW + 7).raw == second
    assert register.require(ATTIC, Role.BRIDGE, NOW + 11).raw == second
    revoked = register.revoke(LAB.revoke(second, "superseded"))
    assert name(revoked.require, ATTIC, Role.BRIDGE, NOW + 11) == "certificate-revoked"
    assert revoked.require(ATTIC, Role.BRIDGE, NOW).raw == first


def test_a_revoked_certificate_holds_no_more_and_the_others_do():
    both = FULL.admit(LAB.bridge(NEW, "cellar"), NOW)
    revoked = both.revoke(LAB.revoke(BRIDGE, "ceased"))
    assert name(revoked.require, ATTIC, Role.BRIDGE, NOW) == "certificate-revoked"
    assert both.require(ATTIC, Role.BRIDGE, NOW).raw == BRIDGE
    assert revoked.require(NEW.public_key.kid, Role.BRIDGE, NOW).name == "cellar"
    assert revoked.require(DEVICE, Role.BOARD, NOW).raw == BOARD
    assert [each.reason.name for each in revoked.revocations(b"bridge-serial-01")] == ["ceased"]


def test_a_board_is_revoked_like_any_other():
    revoked = FULL.revoke(LAB.revoke(BOARD))
    assert name(revoked.require, DEVICE, Role.BOARD, NOW) == "certificate-revoked"
    assert name(revoked.admit, LAB.board(DEVICE, b"k" * 32), NOW) == "certificate-revoked"


def test_a_revocation_reaches_a_certificate_that_comes_after_it():
    early = ISSUING.revoke(LAB.revoke(BRIDGE, "ceased"))
    assert name(early.admit, BRIDGE, NOW) == "certificate-revoked"


@pytest.mark.parametrize("reason", revocation.REASONS)
def test_only_a_reason_that_spoils_the_key_takes_its_other_certificates_along(reason):
    again = LAB.bridge(OLD, "attic", policy="p-2")
    register = FULL.admit(again, NOW).revoke(LAB.revoke(BRIDGE, reason))
    if revocation.REASONS[reason].spoils:
        assert name(register.require, ATTIC, Role.BRIDGE, NOW) == "certificate-revoked"
        assert name(register.admit, LAB.bridge(OLD, "other"), NOW) == "certificate-revoked"
    else:
        assert register.require(ATTIC, Role.BRIDGE, NOW).raw == again


def test_an_issuers_certificate_is_revoked_by_the_root_alone():
    known = FULL.admit(SECOND_ISSUER, NOW)
    assert name(known.revoke, LAB.revoke(SECOND_ISSUER)) == "revocation-unauthorized"
    assert name(known.revoke, LAB.revoke(LAB.certificate, key=SECOND)) == "revocation-unauthorized"
    fallen = known.revoke(LAB.revoke(SECOND_ISSUER, key=LAB.root_key))
    assert name(fallen.admit, issued(SECOND), NOW) == "certificate-revoked"
    # The revocation by an issuer that came before the certificate does not make it the issuer's to revoke.
    early = FULL.revoke(LAB.revoke(SECOND_ISSUER)).admit(SECOND_ISSUER, NOW)
    assert early.require(SECOND.public_key.kid, Role.ISSUER, NOW).raw == SECOND_ISSUER
    late = early.revoke(LAB.revoke(SECOND_ISSUER, key=LAB.root_key))
    assert name(late.require, SECOND.public_key.kid, Role.ISSUER, NOW) == "certificate-revoked"


def test_an_issuer_whose_key_is_spoilt_takes_along_all_it_issued_and_one_that_is_superseded_nothing():
    under = FULL.admit(SECOND_ISSUER, NOW).admit(issued(SECOND), NOW)
    cellar = NEW.public_key.kid
    superseded = under.revoke(LAB.revoke(SECOND_ISSUER, "superseded", key=LAB.root_key))
    assert superseded.require(cellar, Role.BRIDGE, NOW).name == "cellar"
    assert name(superseded.admit, issued(SECOND, called="shed"), NOW) == "certificate-revoked"
    spoilt = under.revoke(LAB.revoke(SECOND_ISSUER, "key-compromise", key=LAB.root_key))
    assert name(spoilt.require, cellar, Role.BRIDGE, NOW) == "certificate-revoked"
    assert spoilt.require(ATTIC, Role.BRIDGE, NOW).raw == BRIDGE


def test_only_an_issuer_that_holds_and_the_root_revoke():
    by_bridge = LAB.revoke(BRIDGE, key=OLD)
    assert name(FULL.revoke, by_bridge) == "revocation-unauthorized"
    assert name(FULL.revoke, LAB.revoke(BRIDGE, key=SECOND)) == "revocation-unauthorized"
    assert name(FULL.revoke, LAB.revoke(BRIDGE, key=STRANGER.root_key)) == "revocation-unauthorized"
    other = FULL.admit(SECOND_ISSUER, NOW)
    assert other.revoke(LAB.revoke(BRIDGE, key=SECOND)).revocations(b"bridge-serial-01")
    fallen = other.revoke(LAB.revoke(SECOND_ISSUER, "superseded", key=LAB.root_key))
    assert name(fallen.revoke, LAB.revoke(BRIDGE, key=SECOND)) == "revocation-unauthorized"
    assert FULL.revoke(LAB.revoke(BRIDGE, key=LAB.root_key)).revocations(b"bridge-serial-01")


def test_an_issuer_that_expired_revokes_nothing_whatever_time_it_names():
    short = FULL.admit(issuer_certificate(SECOND, FROM, NOW + 100), NOW)
    said = LAB.revoke(BRIDGE, key=SECOND, time=NOW)
    assert short.revoke(said).revocations(b"bridge-serial-01")
    assert short.revoke(said, at_s=NOW + 99).revocations(b"bridge-serial-01")
    assert name(short.revoke, said, at_s=NOW + 100) == "revocation-unauthorized"
    assert name(short.revoke, LAB.revoke(BRIDGE, key=SECOND, time=NOW + 100)) == "revocation-unauthorized"


def test_a_revocation_that_was_altered_is_forged():
    for key in (LAB.key, LAB.root_key):
        good = revocation.parse(LAB.revoke(BRIDGE, key=key))
        assert name(FULL.revoke, good.raw.replace(b"bridge-serial-01", b"bridge-serial-02")) == "revocation-forged"


PAIR = FULL.admit(LAB.bridge(NEW, "attic", policy="p-1", serial=b"bridge-serial-02"), NOW)
SUCCESSOR = PAIR.certificate(NEW.public_key.kid)
ROTATED = PAIR.rotate(LAB.rotate(OLD, NEW, SUCCESSOR.raw), ATTIC)


def test_after_a_rotation_the_new_key_holds_and_the_old_is_refused_by_name():
    assert PAIR.require(ATTIC, Role.BRIDGE, NOW).raw == BRIDGE
    assert name(ROTATED.require, ATTIC, Role.BRIDGE, NOW) == "certificate-rotated"
    assert ROTATED.require(NEW.public_key.kid, Role.BRIDGE, NOW, "attic") == SUCCESSOR
    assert ROTATED.rotate(LAB.rotate(OLD, NEW, SUCCESSOR.raw), ATTIC) is ROTATED
    # A new certificate of the old key does not bring it back.
    assert name(ROTATED.admit(LAB.bridge(OLD, "attic"), NOW).require, ATTIC, Role.BRIDGE, NOW) == "certificate-rotated"


def test_a_rotation_takes_the_old_keys_transaction_and_the_new_keys_signature():
    good = LAB.rotate(OLD, NEW, SUCCESSOR.raw)
    for by in (NEW.public_key.kid, b"x" * 16):
        assert name(PAIR.rotate, good, by) == "rotation-refused"
    third = SigningKey(ML_DSA_65, b"\x07" * 32)
    assert name(PAIR.rotate, LAB.rotate(OLD, third, SUCCESSOR.raw), ATTIC) == "certificate-unknown"
    parsed = rotation.parse(good)
    forged = good.replace(parsed.signed.signature, bytes(len(parsed.signed.signature)))
    assert name(PAIR.rotate, forged, ATTIC) == "rotation-forged"
    assert name(FULL.rotate, good, ATTIC) == "certificate-unknown"
    assert name(PAIR.rotate, LAB.rotate(third, NEW, SUCCESSOR.raw), third.public_key.kid) == "certificate-unknown"


def test_a_rotation_goes_to_another_key_of_the_same_role_and_name_that_holds():
    other = FULL.admit(LAB.bridge(NEW, "cellar"), NOW)
    to_cellar = LAB.rotate(OLD, NEW, other.certificate(NEW.public_key.kid).raw)
    assert name(other.rotate, to_cellar, ATTIC) == "rotation-refused"
    assert name(FULL.rotate, LAB.rotate(OLD, OLD, BRIDGE), ATTIC) == "rotation-refused"
    gone = PAIR.revoke(LAB.revoke(SUCCESSOR.raw, "ceased"))
    assert name(gone.rotate, LAB.rotate(OLD, NEW, SUCCESSOR.raw), ATTIC) == "certificate-revoked"
    stolen = PAIR.revoke(LAB.revoke(BRIDGE))
    assert name(stolen.rotate, LAB.rotate(OLD, NEW, SUCCESSOR.raw), ATTIC) == "certificate-revoked"


def test_a_rotation_leads_neither_back_nor_twice():
    back = LAB.rotate(NEW, OLD, BRIDGE)
    assert name(ROTATED.rotate, back, NEW.public_key.kid) == "rotation-refused"
    third = SigningKey(ML_DSA_65, b"\x07" * 32)
    more = ROTATED.admit(LAB.bridge(third, "attic", serial=b"bridge-serial-03"), NOW)
    again = LAB.rotate(OLD, third, more.certificate(third.public_key.kid).raw)
    assert name(more.rotate, again, ATTIC) == "rotation-refused"


def test_an_issuer_is_followed_by_another_certificate_of_the_root_and_not_by_a_rotation():
    both = FULL.admit(SECOND_ISSUER, NOW)
    passed = rotation.build(
        SECOND, site="lab", old=LAB.key.public_key.kid, certificate=certificate.parse(SECOND_ISSUER).hash, time=NOW
    )
    assert name(both.rotate, passed, LAB.key.public_key.kid) == "rotation-refused"
    assert both.admit(issued(SECOND), NOW).chain(NEW.public_key.kid)[1].raw == SECOND_ISSUER


def test_roles_are_listed_as_they_came_and_with_a_time_only_what_holds():
    assert [each.role for each in FULL.of_role(Role.BRIDGE)] == [Role.BRIDGE]
    register = FULL.admit(LAB.bridge(NEW, "cellar", span=(FROM, NOW + 1)), NOW)
    assert [each.name for each in register.of_role(Role.BRIDGE)] == ["attic", "cellar"]
    assert [each.name for each in register.of_role(Role.BRIDGE, NOW + 1)] == ["attic"]
    assert [each.name for each in register.revoke(LAB.revoke(BRIDGE)).of_role(Role.BRIDGE, NOW)] == ["cellar"]
    assert FULL.of_role(Role.WITNESS) == ()


def test_of_an_issuer_that_was_certified_again_either_certificate_may_span_what_it_issues():
    again = issuer_certificate(LAB.key, NOW - 10, TO + 1000)
    both = ISSUING.admit(again, NOW)
    old, new, neither = (LAB.bridge(OLD, span=span) for span in ((FROM, TO), (NOW, TO + 1000), (FROM, TO + 1000)))
    assert [both.admit(each, NOW).require(ATTIC, Role.BRIDGE, NOW).raw for each in (old, new)] == [old, new]
    assert name(both.admit, neither, NOW) == "certificate-outlives-issuer"
    without = both.revoke(LAB.revoke(LAB.certificate, "superseded", key=LAB.root_key))
    assert name(without.admit, old, NOW) == "certificate-outlives-issuer"
    assert without.admit(new, NOW).require(ATTIC, Role.BRIDGE, NOW).raw == new


CELLAR = SigningKey(ML_DSA_65, b"\x08" * 32)
STATEMENTS = {
    "issuer": (Register.admit, (LAB.certificate, NOW)),
    "second issuer": (Register.admit, (SECOND_ISSUER, NOW)),
    "attic": (Register.admit, (BRIDGE, NOW)),
    "attic's next": (Register.admit, (SUCCESSOR.raw, NOW)),
    "cellar under the second": (Register.admit, (issued(SECOND, CELLAR), NOW)),
    "board": (Register.admit, (BOARD, NOW)),
    "rotation": (Register.rotate, (LAB.rotate(OLD, NEW, SUCCESSOR.raw), ATTIC)),
    "attic ceased": (Register.revoke, (LAB.revoke(BRIDGE, "ceased"),)),
    "attic stolen": (Register.revoke, (LAB.revoke(BRIDGE),)),
    "board stolen": (Register.revoke, (LAB.revoke(BOARD, key=LAB.root_key),)),
    "second superseded": (Register.revoke, (LAB.revoke(SECOND_ISSUER, "superseded", key=LAB.root_key),)),
    "second stolen": (Register.revoke, (LAB.revoke(SECOND_ISSUER, key=LAB.root_key),)),
}
"""Each of these in any order, whatever of it stands."""
KIDS = (ATTIC, NEW.public_key.kid, CELLAR.public_key.kid, DEVICE, LAB.key.public_key.kid, SECOND.public_key.kid)


def answers(register):
    return [
        register.standing(found, NOW) and register.standing(found, NOW).problem.name
        for kid in KIDS
        for found in [register.certificate(kid)]
        if found is not None
    ]


@settings(max_examples=50)
@given(st.permutations(list(STATEMENTS)), st.integers(1, len(STATEMENTS)))
def test_what_was_taken_once_is_replayed_without_its_signatures_to_the_same_register(order, count):
    register, taken = EMPTY, []
    for each in order[:count]:
        apply, arguments = STATEMENTS[each]
        before = answers(register)
        try:
            register = apply(register, *arguments)
        except QcotError:
            assert answers(register) == before
        else:
            taken.append(each)
    replayed = EMPTY
    for each in taken:
        apply, arguments = STATEMENTS[each]
        replayed = apply(replayed, *arguments, check=False)
    assert replayed == register
    # Said once more, by hand, from the list of what was taken alone.
    ends = {
        "attic": {"attic ceased", "attic stolen", "rotation"},
        "cellar under the second": {"second stolen"},
        "board": {"board stolen"},
    }
    holding = {"attic": ATTIC, "cellar under the second": CELLAR.public_key.kid, "board": DEVICE}
    for each, kid in holding.items():
        found = register.certificate(kid)
        assert (found is not None) == (each in taken)
        if found is not None:
            assert (register.standing(found, NOW) is None) == (not ends[each] & set(taken))


def test_replaying_asks_for_no_signature():
    forged = BRIDGE[:-10] + bytes(10)
    assert EMPTY.admit(forged, NOW, check=False).certificate(ATTIC).raw == forged
