"""Values from a model folder: what is none of ours is named in one sentence."""

import math

import pytest

from soilcore.core.errors import ModelError
from soilcore.core.stored import checked_list, checked_names, checked_number, checked_record, checked_text, checked_whole


def test_values_within_limits_come_back_as_they_are():
    assert checked_whole(3, "side", 3, 3) == 3
    assert checked_number(2, "cell", above=1, most=2) == 2.0
    assert checked_text("", "name") == ""
    assert checked_names(["a", "b"], "layers") == ("a", "b")
    assert checked_list((1, None), "values", 2, 2) == [1, None]
    assert checked_record({"a": None}, "window", ("a",)) == {"a": None}


@pytest.mark.parametrize("value", [2, 11, 5.0, True, "5", None, math.nan, 10**400])
def test_what_is_no_whole_number_within_limits_is_refused(value):
    with pytest.raises(ModelError, match=r"The model's side is .* from 3 to 10\. Take an untouched copy"):
        checked_whole(value, "side", 3, 10)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "1", None, math.nan, math.inf, -math.inf, 10**400, [1.0]])
def test_what_is_no_finite_number_within_limits_is_refused(value):
    with pytest.raises(ModelError, match="finite number above 0 and of at most 2"):
        checked_number(value, "cell", above=0, most=2)


@pytest.mark.parametrize("value", [[], ["a", "a"], [""], [["a"], {}], "ab", None, {"a": 1}])
def test_what_are_no_different_names_is_refused(value):
    with pytest.raises(ModelError, match="layers are"):
        checked_names(value, "layers")


def test_lists_and_records_of_another_size_or_kind_are_refused():
    with pytest.raises(ModelError, match="a list of 3, but must be a list of 1 to 2"):
        checked_list([1, 2, 3], "members", 1, 2)
    with pytest.raises(ModelError, match="lacks 'size'"):
        checked_record({"name": 1}, "window", ("name", "size"))
    for value in ([], {1: 2}, None):
        with pytest.raises(ModelError, match="values by name"):
            checked_record(value, "window", ())


def test_a_long_value_is_not_repeated_in_full():
    with pytest.raises(ModelError) as refused:
        checked_whole(list(range(10**5)), "side", 1, 2)
    assert len(str(refused.value)) < 300
