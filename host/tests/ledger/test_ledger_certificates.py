"""Who may put what on a ledger: by certificates on it, at the time of the Qblock, from each statement's leaf on."""

import os
from dataclasses import replace
from hashlib import sha256

import pytest
from ledger_site import (
    AUTHORITY,
    BRIDGE_CERTIFICATE,
    BRIDGE_KEY,
    CHAIN,
    GATEWAY_CERTIFICATE,
    SITE,
    START,
    Board,
    Site,
    standing,
)
from qcot.certificates import certificate
from qcot.certificates.certificate import Claims, Role
from qcot.crypto import cose
from qcot.crypto.signing import ML_DSA_44, ML_DSA_65, SigningKey
from qcot.errors import QcotError
from qcot.ledger import proving, report, rules
from qcot.ledger.reader import Reader
from qcot.ledger.receipts import Status
from qcot.ledger.rules import Accept, Later, Refuse
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import StatementEntry
from qcot.ledger.verify import verify
from qcot.records import statements as record
from trust_site import FROM, TO, Authority

NOW = START // 1000
STRANGER = SigningKey(ML_DSA_65, b"\x77" * 32)
OTHER = Authority(SITE, 1)


def statements(*raws):
    return [StatementEntry(raw) for raw in raws]


def judged(*entries, before=(), devices=None, known=(1,), time=START, **changes):
    """The verdict on one transaction of a bridge, after the statements ``before`` it."""
    site, state = Site(), rules.State(SITE, 1, devices or {}, standing(*known), START)
    if before:
        made = rules.judge_content(state, site.transaction(*statements(*before)))
        assert isinstance(made, Accept), made
        state = replace(state, standing=made.standing)
    return rules.judge_content(replace(state, time=time), site.transaction(*entries, **changes))


def name_of(verdict, kind) -> str:
    assert isinstance(verdict, kind), verdict
    return verdict.problem.name


def enrolment(number=1):
    return Board(number).enrolment()


def as_issuer(key):
    claims = Claims(Role.ISSUER, SITE, "second", key.public_key, FROM, TO, serial=b"2" * 16)
    return certificate.issue(AUTHORITY.root_key, claims)


NEW_KEY = SigningKey(ML_DSA_65, b"\x0c" * 32)
NEW_CERTIFICATE = AUTHORITY.bridge(NEW_KEY)
ROTATION = AUTHORITY.rotate(BRIDGE_KEY, NEW_KEY, NEW_CERTIFICATE)
DAY = 86_400
SIGNERS = {
    "unknown": ("certificate-unknown", (), {"key": STRANGER}),
    "revoked": ("certificate-revoked", (AUTHORITY.revoke(BRIDGE_CERTIFICATE),), {}),
    "expired": (
        "certificate-expired",
        (AUTHORITY.bridge(STRANGER, span=(NOW - DAY, NOW + DAY)),),
        {"key": STRANGER, "time": START + DAY * 1000},
    ),
    "not yet valid": (
        "certificate-not-yet-valid",
        (AUTHORITY.bridge(STRANGER, span=(NOW + 1, NOW + DAY)),),
        {"key": STRANGER},
    ),
    "of another role": ("certificate-wrong-role", (as_issuer(STRANGER),), {"key": STRANGER}),
    "of another name": ("certificate-wrong-name", (), {"bridge": "second"}),
    "of another policy": ("policy-foreign", (), {"policy": "research"}),
    "rotated": ("certificate-rotated", (NEW_CERTIFICATE, ROTATION), {}),
}


@pytest.mark.parametrize("case", SIGNERS)
def test_who_may_not_sign_is_told_so_and_uses_up_no_sequence(case, ledger, site):
    name, before, changes = SIGNERS[case]
    assert name_of(judged(enrolment(), before=before, **changes), Later) == name
    time = changes.pop("time", START)
    site.append(ledger, [site.enrolment(), *(site.transaction(*statements(each)) for each in before)])
    wanted, size = ledger.wanted(changes.get("bridge", "bridge")), ledger.size()
    raw = site.transaction(enrolment(), sequence=wanted, **changes)
    (answer,) = ledger.append_transactions([raw], time)
    assert (answer.status, answer.name) == (Status.LATER, name)
    assert (ledger.wanted(raw.bridge), ledger.size()) == (wanted, size)


STATEMENTS = {
    "no statement": ("bad-cose", b"\xd2nothing"),
    "a kind that nobody knows": (
        "statement-unknown",
        cose.sign(BRIDGE_KEY, cose.Kind(ML_DSA_65, "text/plain", b"", with_policy=False), b"x"),
    ),
    "a certificate by another root": ("issuer-unknown", OTHER.certificate),
    "by the issuer of another root": ("issuer-unknown", OTHER.bridge(STRANGER, "second")),
    "for another site": ("certificate-wrong-site", AUTHORITY.bridge(STRANGER, site="elsewhere")),
    "altered": ("certificate-forged", GATEWAY_CERTIFICATE[:-1] + bytes([GATEWAY_CERTIFICATE[-1] ^ 1])),
    "expired": ("certificate-expired", AUTHORITY.bridge(STRANGER, span=(FROM, NOW))),
    "beyond its issuer": ("certificate-outlives-issuer", AUTHORITY.bridge(STRANGER, span=(FROM, TO + 1))),
    "a revocation by a stranger": (
        "revocation-unauthorized",
        AUTHORITY.revoke(BRIDGE_CERTIFICATE, key=SigningKey(ML_DSA_44, b"\x78" * 32)),
    ),
    "a rotation of another's key": (
        "rotation-refused",
        AUTHORITY.rotate(STRANGER, NEW_KEY, NEW_CERTIFICATE),
        (AUTHORITY.bridge(STRANGER, "second"), NEW_CERTIFICATE),
    ),
    "a rotation to a key without certificate": ("certificate-unknown", ROTATION),
    "an access to no record": (
        "pseudonym-unknown",
        record.build(SigningKey(ML_DSA_44, b"p" * 32), record.Access(bytes(16), "care", bytes(16)), START),
    ),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_a_statement_that_does_not_stand_is_refused_with_all_that_came_with_it(case, ledger, site):
    name, raw, *before = STATEMENTS[case]
    first = before[0] if before else ()
    verdict = judged(enrolment(), StatementEntry(raw), before=first)
    assert (name_of(verdict, Refuse), verdict.entry) == (name, 1)
    # From who may not sign, the same uses up no sequence.
    assert name_of(judged(StatementEntry(raw), before=first, key=STRANGER, bridge="nobody"), Later) == name
    site.append(ledger, [site.enrolment(), *(site.transaction(*statements(*each)) for each in before)])
    register = ledger.register()
    (answer,) = site.append(ledger, [site.transaction(StatementEntry(raw))])
    assert (answer.status, answer.name) == (Status.REFUSED, name)
    assert ledger.register() is register
    assert site.append(ledger, [site.transaction(enrolment())])[0].status is Status.ACCEPTED


BOARDS = {
    "without a certificate": ("device-not-certified", (), {}),
    "certified with another key": ("device-not-certified", (AUTHORITY.board(Board(1).device, b"x" * 32),), {}),
    "revoked": ("certificate-revoked", (Board(1).certificate, AUTHORITY.revoke(Board(1).certificate)), {}),
    "expired": (
        "certificate-expired",
        (AUTHORITY.board(Board(1).device, Board(1).key, span=(FROM, NOW + 1)),),
        {"time": START + 1000},
    ),
}


@pytest.mark.parametrize("case", BOARDS)
def test_a_board_without_a_certificate_that_holds_is_not_enrolled(case):
    name, before, changes = BOARDS[case]
    assert name_of(judged(enrolment(), before=before, known=(), **changes), Refuse) == name


def test_a_board_whose_certificate_falls_is_heard_no_more(ledger, site):
    one, two = site.boards
    site.append(ledger, [site.enrolment(), site.readings(one, two)])
    site.append(ledger, [site.transaction(StatementEntry(AUTHORITY.revoke(one.certificate)))])
    answers = site.append(ledger, [site.readings(one), site.readings(two)])
    assert [(each.status, each.name) for each in answers] == [
        (Status.REFUSED, "certificate-revoked"), (Status.ACCEPTED, "")
    ]  # fmt: skip
    site.close(ledger)
    assert verify(ledger, site.trust).holds


SECOND = AUTHORITY.bridge(STRANGER, "second")


def of_bridge(board, name):
    """The board's certificate as an authority gives it: for one bridge."""
    return AUTHORITY.board(board.device, board.key, bridge=name)


@pytest.mark.parametrize(("bridge", "taken"), [("bridge", True), (None, True), ("second", False)])
def test_a_board_is_enrolled_and_heard_by_the_bridge_that_its_certificate_names_or_by_any(bridge, taken):
    before = (of_bridge(Board(1), bridge),)
    known = rules.Device(enrolment().commitment)
    for entry, devices in ((enrolment(), {}), (Board(1).readings(), {Board(1).device: known})):
        verdict = judged(entry, before=before, devices=devices, known=())
        if taken:
            assert isinstance(verdict, Accept), verdict
        else:
            assert (name_of(verdict, Refuse), verdict.entry) == ("board-of-another-bridge", 0)


def test_a_stolen_bridge_key_makes_up_nothing_for_a_board_of_another_bridge_which_goes_on(ledger, site):
    """Nothing in its frames could be told from the board's own: the log has no key to check their MAC."""
    board, made_up = Board(1), Board(1)
    site.append(ledger, [site.transaction(*CHAIN, *statements(of_bridge(board, "bridge")), board.enrolment())])
    thief = {"bridge": "second", "key": STRANGER}
    attacks = [
        site.transaction(*statements(SECOND), sequence=1, **thief),
        site.transaction(made_up.readings(), sequence=2, **thief),
        site.transaction(Board(1, epoch=9).readings(), sequence=3, **thief),
        site.transaction(board.enrolment(), sequence=4, **thief),
    ]
    answers = site.append(ledger, attacks)
    assert [each.name for each in answers] == ["", *["board-of-another-bridge"] * 3]
    assert [each.status for each in site.append(ledger, [site.readings(board)])] == [Status.ACCEPTED]
    site.close(ledger)
    assert verify(ledger, site.trust).holds
    assert report.check(proving.for_reading(ledger, site.trust, board.device, 1, 3).encode()).holds


def test_a_board_moves_to_another_bridge_by_a_new_certificate_and_what_was_before_stays(ledger, site):
    board = Board(1)
    site.append(ledger, [site.transaction(*CHAIN, *statements(of_bridge(board, "bridge")), board.enrolment())])
    moved = site.transaction(*statements(SECOND, of_bridge(board, "second")), bridge="second", key=STRANGER, sequence=1)
    answers = site.append(ledger, [site.readings(board), moved])
    answers += site.append(ledger, [
        site.transaction(Board(1, epoch=9).readings()),
        site.transaction(board.readings(), bridge="second", key=STRANGER, sequence=2),
    ])  # fmt: skip
    assert [each.name for each in answers] == ["", "", "board-of-another-bridge", ""]
    site.close(ledger)
    assert verify(ledger, site.trust).holds
    for seq in (3, board.seq - 1):  # by the one bridge and by the other, each under the certificate that names it
        checked = report.check(proving.for_reading(ledger, site.trust, board.device, 1, seq).encode())
        assert checked.holds, checked.failure


def test_a_revocation_counts_from_its_leaf_on_and_undoes_nothing(ledger, site):
    revocation = StatementEntry(AUTHORITY.revoke(BRIDGE_CERTIFICATE))
    batch = [site.enrolment(), site.readings(*site.boards), site.transaction(revocation), site.readings(*site.boards)]
    answers = site.append(ledger, batch)
    assert [each.name for each in answers] == ["", "", "", "certificate-revoked"]
    assert site.append(ledger, batch[:3]) == answers[:3]  # as they were answered before
    site.close(ledger)
    result = verify(ledger, site.trust)
    assert (result.holds, result.counts.transactions) == (True, 3)


def test_a_rotation_is_the_old_keys_last_and_from_there_on_the_new_one_signs(ledger, site):
    site.append(ledger, [site.enrolment()])
    rotating = site.transaction(*statements(NEW_CERTIFICATE, ROTATION))
    first, late = site.readings(site.boards[0]), site.readings(site.boards[1])
    first = site.transaction(*first.entries, sequence=first.sequence, key=NEW_KEY)
    answers = site.append(ledger, [rotating, first, late])
    assert [(each.status, each.name) for each in answers] == [
        (Status.ACCEPTED, ""), (Status.ACCEPTED, ""), (Status.LATER, "certificate-rotated")
    ]  # fmt: skip
    site.close(ledger)
    assert verify(ledger, site.trust).holds


def test_a_certificate_may_be_renewed_after_it_has_ended(ledger, site):
    short = AUTHORITY.bridge(STRANGER, "second", span=(FROM, NOW + 10))
    introduction = site.transaction(*statements(short), bridge="second", key=STRANGER, sequence=1)
    site.append(ledger, [site.enrolment(), introduction])
    site.close(ledger)
    site.now += 20_000
    entry = site.boards[0].readings()
    late = site.transaction(entry, bridge="second", key=STRANGER, sequence=2)
    assert [each.name for each in site.append(ledger, [late])] == ["certificate-expired"]
    renewed = statements(AUTHORITY.bridge(STRANGER, "second", span=(FROM, NOW + 100)))
    again = site.transaction(*renewed, entry, bridge="second", key=STRANGER, sequence=2)
    assert [each.status for each in site.append(ledger, [again])] == [Status.ACCEPTED]
    site.close(ledger)
    assert verify(ledger, site.trust).holds


def test_two_certificates_of_one_key_let_it_sign_under_either_policy():
    other = AUTHORITY.bridge(BRIDGE_KEY, policy="research")
    for policy in ("default", "research"):
        assert isinstance(judged(enrolment(), before=(other,), policy=policy), Accept)


def test_a_qblock_is_closed_within_the_validity_of_all_that_its_run_rests_on(ledger, site):
    short = AUTHORITY.bridge(STRANGER, "second", span=(FROM, NOW + 1))
    introduction = site.transaction(*statements(short), bridge="second", key=STRANGER, sequence=1)
    site.append(ledger, [site.enrolment(), introduction])
    assert ledger.closes_before == (NOW + 1) * 1000
    site.now = (NOW + 5) * 1000
    later, ahead = site.readings(*site.boards), site.readings(*site.boards)
    assert [each.name for each in site.append(ledger, [later, ahead])] == ["qblock-due", "sequence-ahead"]
    ledger.close()
    with site.open(ledger.path) as again:  # a gateway that was started again knows it still
        assert again.closes_before == (NOW + 1) * 1000
        site.close(again)
        assert again.last_header.core.time == (NOW + 1) * 1000 - 1
        assert again.closes_before is None
        answers = site.append(again, [later, ahead])
        assert [each.status for each in answers] == [Status.ACCEPTED] * 2
        site.close(again)
        assert verify(again, site.trust).holds


def test_a_run_is_closed_while_the_issuer_holds_who_took_a_certificate_back_in_it(ledger, site):
    """Also where another certificate of that issuer begins after the first has ended."""
    issuer = SigningKey(ML_DSA_44, b"\x21" * 32)
    spans = (FROM, NOW + 1), (NOW + 100, TO)
    certified = [
        certificate.issue(AUTHORITY.root_key, Claims(Role.ISSUER, SITE, "issuer-2", issuer.public_key, *span))
        for span in spans
    ]
    site.append(ledger, [site.enrolment(), site.transaction(*statements(*certified))])
    site.close(ledger)
    assert ledger.last_header.core.time < (NOW + 1) * 1000
    site.now = START
    revoked = AUTHORITY.revoke(AUTHORITY.bridge(STRANGER, "second"), key=issuer)
    assert [each.status for each in site.append(ledger, [site.transaction(*statements(revoked))])] == [Status.ACCEPTED]
    assert ledger.closes_before == (NOW + 1) * 1000
    site.now += 50_000
    site.close(ledger)
    assert verify(ledger, site.trust).failure is None


def test_a_clock_that_goes_back_closes_no_run_before_it_was_judged(ledger, site):
    late = AUTHORITY.bridge(STRANGER, "second", span=(NOW + 5, NOW + DAY))
    site.now += 10_000
    site.append(ledger, [site.enrolment()])
    introduction = site.transaction(*statements(late), bridge="second", key=STRANGER, sequence=1)
    site.append(ledger, [introduction])
    site.now = START
    site.close(ledger)
    assert ledger.last_header.core.time == START + 10_000
    assert verify(ledger, site.trust).holds


def test_a_header_at_a_time_when_its_run_does_not_hold_is_neither_appended_nor_verified(ledger, site, monkeypatch):
    short = AUTHORITY.bridge(STRANGER, "second", span=(FROM, NOW + 1))
    introduction = site.transaction(*statements(short), bridge="second", key=STRANGER, sequence=1)
    site.append(ledger, [site.enrolment(), introduction])
    ledger._until = 1 << 62  # a gateway that does not look
    site.close(ledger)
    found = verify(ledger, site.trust).failure
    assert (found.leaf, found.problem.name) == (1, "certificate-expired")
    assert "bridge second" in found.what


def test_register_and_records_are_the_same_however_they_are_come_by(ledger, site, path):
    owner = SigningKey(ML_DSA_44, b"o" * 32)
    published = record.build(
        owner,
        record.Publish(b"r" * 16, owner.public_key, b"k" * 32, b"m" * 32, 1, b"d" * 32, "text/plain"),
        START,
    )
    batch = [
        site.enrolment(),
        site.transaction(StatementEntry(published)),
        site.transaction(*statements(NEW_CERTIFICATE, ROTATION)),
        site.transaction(StatementEntry(AUTHORITY.revoke(site.boards[0].certificate, "ceased")), key=NEW_KEY),
    ]
    site.append(ledger, batch)
    with Reader.open(path) as reader:
        assert reader.authority == AUTHORITY.root
        assert reader.register() == ledger.register()
        assert reader.record_book().record(b"r" * 16).owner == owner.public_key.kid
        places = [(leaf, entry) for leaf, entry, _ in reader.statements()]
    assert places == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (2, 1), (3, 0)]
    ledger.close()
    with site.open(path) as again:
        assert again.register() == ledger.register()
        site.close(again)
        assert verify(again, site.trust).holds


def test_the_first_transaction_brings_its_signer_and_a_stranger_cannot_bring_himself(ledger, site):
    forged = statements(OTHER.certificate, OTHER.bridge(STRANGER))
    assert name_of(judged(*forged, enrolment(), known=(), key=STRANGER), Later) == "issuer-unknown"
    bare = site.transaction(enrolment(), sequence=1)
    assert [each.name for each in site.append(ledger, [bare])] == ["certificate-unknown"]
    first = site.transaction(*CHAIN, StatementEntry(Board(1).certificate), enrolment(), sequence=1)
    assert [each.status for each in site.append(ledger, [first])] == [Status.ACCEPTED]


def test_a_checkpoint_by_a_gateway_that_was_revoked_or_had_ended_is_found(path, site):
    site.trust = replace(site.trust, certificates=(AUTHORITY.certificate, GATEWAY_CERTIFICATE))
    with site.open(path) as ledger:
        site.append(ledger, [site.enrolment()])
        site.close(ledger)
        site.append(ledger, [site.transaction(StatementEntry(AUTHORITY.revoke(GATEWAY_CERTIFICATE)))])
        site.close(ledger)
        found = verify(ledger, site.trust).failure
        assert (found.leaf, found.problem.name) == (3, "certificate-revoked")
        assert found.what.startswith("checkpoint")
        old = AUTHORITY.gateway(site.bookkeeper.key, span=(FROM, NOW + 1))
        ended = replace(site.trust, certificates=(AUTHORITY.certificate, old))
        found = verify(ledger, ended).failure
        assert (found.leaf, found.problem.name) == (1, "certificate-expired")


def test_a_gateways_certificate_may_come_by_the_log(ledger, site):
    own = site.transaction(*CHAIN, StatementEntry(GATEWAY_CERTIFICATE))
    site.append(ledger, [own])
    site.close(ledger)
    assert verify(ledger, replace(site.trust, certificates=())).holds


def test_stored_statements_that_do_not_read_keep_a_ledger_closed(ledger, site, path):
    site.append(ledger, [site.enrolment()])
    ledger._db.execute("UPDATE statement SET bytes = ? WHERE entry = 1", (os.urandom(40),))
    ledger.close()
    with pytest.raises(QcotError, match="ledger-corrupt"):
        site.open(path)
    with Reader.open(path) as reader, pytest.raises(QcotError, match="ledger-corrupt"):
        reader.register()


def test_statements_are_stored_as_they_came(closed):
    stored = [sha256(raw).digest() for _, _, raw in closed.statements()]
    sent = [AUTHORITY.certificate, BRIDGE_CERTIFICATE, Board(1).certificate, Board(2).certificate]
    assert stored == [sha256(raw).digest() for raw in sent]
    assert isinstance(closed, Ledger)
