from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gestalt_space import Question
from gestalt_space.errors import UsageError


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"by": "x"}, "Nothing is ranked by 'x'"),
        ({"aggregation": "Centroid"}, "no aggregation 'Centroid'"),
        ({"index": "foo"}, "no index 'foo'"),
        ({"k": 0}, "0 lines"),
        ({"k": -1}, "-1 lines"),
        ({"k": 2.5}, "2.5 lines"),
        ({"age": "4y"}, "'4y' is not an age"),
        ({"age": -1}, "'-1' is not an age"),
        ({"age": np.nan}, "'nan' is not an age"),
        ({"sex": "femal"}, "'femal' is not a sex"),
        ({"sex": "Female"}, "'Female' is not a sex"),
        ({"among": ["sex=female"]}, "not a filter"),
        ({"without": "P1"}, "'P1' is not a list"),
        ({"without": (1,)}, "not a list"),
        ({"index": "ivf", "aggregation": "vote"}, "misses some"),
        ({"family": "F1", "with_family": True}, "families are let in"),
    ],
)
def test_a_value_that_there_is_not_is_refused_when_it_is_asked(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        Question(**options)


def test_what_there_is_is_taken() -> None:
    question = Question(k=3, by="gene", age=4, sex="female", without=("P1", "P2"))
    assert (question.k, question.age) == (3, 4)
