from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gestalt_space import Question
from gestalt_space.errors import UsageError


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"by": "x"}, "Cannot rank by 'x'"),
        ({"aggregation": "Centroid"}, "Unknown aggregation 'Centroid'"),
        ({"index": "foo"}, "Unknown index 'foo'"),
        ({"k": 0}, "cannot be 0"),
        ({"k": -1}, "cannot be -1"),
        ({"k": 2.5}, "cannot be 2.5"),
        ({"age": "4y"}, "'4y' is not an age"),
        ({"age": -1}, "'-1' is not an age"),
        ({"age": np.nan}, "'nan' is not an age"),
        ({"sex": "femal"}, "Unknown sex 'femal'"),
        ({"sex": "Female"}, "'Female' is not a sex"),
        ({"among": ["sex=female"]}, "not a filter"),
        ({"without": "P1"}, "'P1' is not a list"),
        ({"without": (1,)}, "not a list"),
        ({"index": "ivf", "aggregation": "vote"}, "only the photos nearest"),
        ({"family": "F1", "with_family": True}, "cannot be combined"),
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
