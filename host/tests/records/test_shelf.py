"""A shelf against a dict; what was once made never changes."""

from hypothesis import given
from hypothesis import strategies as st
from qcot.records.shelf import Shelf

KEYS = st.binary(min_size=1, max_size=2)


@given(st.lists(st.tuples(KEYS, st.integers())))
def test_it_holds_what_a_dict_holds_and_older_ones_stay_as_they_were(pairs):
    shelf, model, versions = Shelf(), {}, []
    for key, value in pairs:
        versions.append((shelf, dict(model)))
        shelf, model[key] = shelf.put(key, value), value
    for made, wanted in [*versions, (shelf, model)]:
        assert made == wanted
        assert len(made) == len(wanted)
        assert made.get(b"absent") is None
