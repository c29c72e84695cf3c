"""What may be asked, as pure functions."""

import json
import uuid

import pytest
from characters import CHARACTERS
from hypothesis import given
from hypothesis import strategies as st
from qcot.errors import QcotError
from qcot.kme import api
from qcot.kme.problems import BAD_ANSWER, BAD_REQUEST

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(CHARACTERS, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["number", "size", "key_IDs", "key_ID", "extension_mandatory", "x"]), inner)
    ),
    max_leaves=8,
)


def outcome(call, *arguments):
    """What the call gives, and the problem that it raises."""
    try:
        return call(*arguments), None
    except QcotError as error:
        return None, error.problem


@given(VALUES)
def test_any_json_is_a_bounded_request_or_refused_by_name(value):
    asked, problem = outcome(api.parse_key_request, value)
    assert problem is None or problem in api.STATUS
    if asked:
        assert 1 <= asked.number <= api.MAX_KEYS
        assert api.MIN_BITS <= asked.bits <= api.MAX_BITS
        assert asked.bits % 8 == 0


@given(VALUES | st.lists(st.uuids(), max_size=40).map(lambda ids: {"key_IDs": [{"key_ID": str(i)} for i in ids]}))
def test_any_json_is_a_bounded_list_of_different_ids_or_refused_by_name(value):
    ids, problem = outcome(api.parse_key_ids, value)
    assert problem is None or problem in api.STATUS
    if ids:
        assert [str(each) for each in ids] == [item["key_ID"].lower() for item in value["key_IDs"]]
        assert 1 <= len(set(ids)) == len(ids) <= api.MAX_KEYS


@given(st.binary(max_size=200))
def test_bytes_are_json_or_refused_by_name(raw):
    value, problem = outcome(api.load_json, raw, BAD_ANSWER)
    if problem is None:
        assert json.loads(raw) == value
    else:
        assert problem == BAD_ANSWER


@pytest.mark.parametrize("raw", [b'{"a": 1, "a": 1}', b"NaN", b"[" * 20_000, b"{} {}", b"\xff", b""])
def test_json_that_another_reader_would_read_otherwise_is_refused(raw):
    with pytest.raises(QcotError) as raised:
        api.load_json(raw, BAD_REQUEST)
    assert raised.value.problem == BAD_REQUEST


def test_without_a_word_one_key_of_the_default_size_is_meant():
    assert api.parse_key_request({}) == api.parse_key_query([]) == api.KeyRequest(1, 256)


def test_optional_extensions_may_be_left_aside():
    assert api.parse_key_request({"extension_optional": [{"vendor": 1}], "additional_slave_SAE_IDs": []})


ID = str(uuid.UUID(int=1))
REFUSALS = [
    (api.parse_key_request, [], "kme-bad-request"),
    (api.parse_key_request, {"numbers": 1}, "kme-bad-request"),
    (api.parse_key_request, {"number": True}, "kme-bad-request"),
    (api.parse_key_request, {"number": "1"}, "kme-bad-request"),
    (api.parse_key_request, {"number": 0}, "kme-bad-request"),
    (api.parse_key_request, {"number": 33}, "kme-too-many-keys"),
    (api.parse_key_request, {"size": 255}, "kme-size"),
    (api.parse_key_request, {"size": 56}, "kme-size-out-of-range"),
    (api.parse_key_request, {"size": 1032}, "kme-size-out-of-range"),
    (api.parse_key_request, {"size": -8}, "kme-size-out-of-range"),
    (api.parse_key_request, {"additional_slave_SAE_IDs": ["c"]}, "kme-too-many-saes"),
    (api.parse_key_request, {"additional_slave_SAE_IDs": "c"}, "kme-bad-request"),
    (api.parse_key_request, {"extension_mandatory": [{"route": 1}]}, "kme-extension"),
    (api.parse_key_request, {"extension_mandatory": {}}, "kme-bad-request"),
    (api.parse_key_request, {"extension_optional": [1]}, "kme-bad-request"),
    (api.parse_key_query, [("number", "1"), ("number", "1")], "kme-bad-request"),
    (api.parse_key_query, [("number", "-1")], "kme-bad-request"),
    (api.parse_key_query, [("number", "9" * 5000)], "kme-bad-request"),
    (api.parse_key_query, [("extension_mandatory", "x")], "kme-bad-request"),
    (api.parse_key_ids, {}, "kme-bad-request"),
    (api.parse_key_ids, {"key_IDs": []}, "kme-bad-request"),
    (api.parse_key_ids, {"key_IDs": [ID]}, "kme-bad-request"),
    (api.parse_key_ids, {"key_IDs": [{"key_ID": ID}, {"key_ID": ID}]}, "kme-bad-request"),
    (api.parse_key_ids, {"key_IDs": [{"key_ID": "{" + ID + "}"}]}, "kme-bad-request"),
    (api.parse_key_ids, {"key_IDs": [{"key_ID": ID, "key": "x"}]}, "kme-bad-request"),
    (api.parse_key_ids, {"key_IDs": [{"key_ID": ID}] * 33}, "kme-too-many-keys"),
    (api.parse_key_id_query, [], "kme-bad-request"),
    (api.parse_key_id_query, [("key_ID", ID), ("key_ID", ID)], "kme-bad-request"),
    (api.require_sae, "a/b", "kme-bad-request"),
    (api.require_sae, "", "kme-bad-request"),
    (api.require_sae, "a" * 65, "kme-bad-request"),
]  # fmt: skip


@pytest.mark.parametrize(("parse", "value", "name"), REFUSALS)
def test_each_wrong_request_is_refused_by_its_name(parse, value, name):
    with pytest.raises(QcotError) as raised:
        parse(value)
    assert raised.value.problem.name == name


@pytest.mark.parametrize("problem", api.STATUS, ids=lambda problem: problem.name)
def test_an_error_has_the_members_of_the_standard_and_says_what_to_do(problem):
    status, body = api.error_body(QcotError(problem, "because"))
    assert status in {400, 401, 503}
    assert body.keys() == {"message", "details"}
    assert isinstance(body["message"], str)
    assert body["details"] == [{"name": problem.name, "reason": "because", "remedy": problem.remedy}]
