"""The draw of the bookkeeper: nobody can aim it or break its word, and what the last revealer gains is known."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.quantum.network.lottery import (
    commitment,
    draw_shares,
    drawn,
    last_revealer,
    last_revealer_theory,
    revealed,
)
from qcot.quantum.statistics import binomial_bounds

NAMES = ("A", "B", "C", "D", "E", "F")
VALUES = {name: hashlib.sha256(name.encode()).digest() for name in NAMES}


def test_the_draw_is_the_digest_of_all_values_modulo_the_nodes() -> None:
    whole = hashlib.sha256(b"".join(name.encode() + b"\0" + VALUES[name] for name in NAMES)).hexdigest()
    chosen, digest = drawn(VALUES)
    assert digest == whole
    assert chosen == NAMES[int(whole, 16) % 6]


@settings(max_examples=50)
@given(st.permutations(NAMES), st.sets(st.sampled_from(NAMES)))
def test_the_order_of_arrival_changes_nothing_and_the_barred_are_never_drawn(
    order: list[str], barred: set[str]
) -> None:
    chosen, digest = drawn({name: VALUES[name] for name in order}, barred)
    assert (chosen, digest) == drawn(VALUES, barred)
    assert chosen is None if len(barred) == 6 else chosen not in barred


@settings(max_examples=50)
@given(st.sampled_from(NAMES), st.integers(0, 255))
def test_one_changed_bit_of_one_node_changes_the_draw(name: str, bit: int) -> None:
    changed = (int.from_bytes(VALUES[name], "big") ^ 1 << bit).to_bytes(32, "big")
    assert drawn(VALUES | {name: changed})[1] != drawn(VALUES)[1]


def test_only_values_that_keep_their_word_count() -> None:
    bound = {name: commitment(3, 1, name, value) for name, value in VALUES.items()}
    assert revealed(3, 1, bound, VALUES) == VALUES
    assert set(revealed(3, 1, bound, VALUES | {"B": bytes(32)})) == set(NAMES) - {"B"}, "another value than committed"
    assert set(revealed(3, 1, bound, VALUES | {"B": VALUES["B"][:31]})) == set(NAMES) - {"B"}, "a shorter one"
    assert "Z" not in revealed(3, 1, bound, VALUES | {"Z": bytes(32)}), "one who did not commit"
    assert revealed(4, 1, bound, VALUES) == {}, "commitments of another Qblock"
    assert revealed(3, 0, bound, VALUES) == {}, "commitments of another attempt"
    swapped = bound | {"A": bound["B"]}
    assert "A" not in revealed(3, 1, swapped, VALUES | {"A": VALUES["B"]}), "a copied commitment"


def test_every_node_is_drawn_as_often_as_every_other() -> None:
    draws = 1_500
    low, high = binomial_bounds(draws, 1 / 6, 1e-6 / 6)
    for share in draw_shares(NAMES, draws, seed=5):
        assert low <= share.measured * draws <= high
        assert share.theory == pytest.approx(1 / 6)


@pytest.mark.parametrize("members", [3, 6])
def test_the_last_revealer_gains_what_the_closed_form_says(members: int) -> None:
    draws = 1_500
    found = last_revealer(members, draws, seed=members)
    low, high = binomial_bounds(draws, last_revealer_theory(members), 1e-6 / 2)
    assert low <= found.measured * draws <= high
    assert last_revealer_theory(members) > 2 / members, "honest play"


def test_the_last_revealers_gain_falls_with_the_number_of_members() -> None:
    gains = [last_revealer_theory(n) - 2 / n for n in range(3, 17)]
    assert all(one >= other for one, other in pairwise(gains))
