"""The combined list is the ranking of a gallery with all photos, within rounding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.match.answer import MatchLine
from gestalt_space.match.for_site import SiteAnswer, SiteLine
from gestalt_space.sites.combined import combined_lines

SIMILARITIES = st.integers(-100, 100).map(lambda hundredths: hundredths / 100)
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), SIMILARITIES), max_size=60)


def ranked(rows: list[tuple[int, int, float]]) -> list[tuple[str, float]]:
    """Disorders by their nearest photo."""
    best: dict[str, float] = {}
    for _, disorder, similarity in rows:
        best[f"D{disorder}"] = max(similarity, best.get(f"D{disorder}", -2.0))
    return sorted(best.items(), key=lambda line: (-line[1], line[0]))


def own_line(rank: int, id_: str, similarity: float, percentile: float | None = None) -> MatchLine:
    return MatchLine(
        rank, id_, f"our {id_}", similarity, "P", 1, 1, similarity, percentile=percentile
    )


def site_line(rank: int, id_: str, similarity: float, percentile: float | None = None) -> SiteLine:
    return SiteLine(rank, id_, f"their {id_}", similarity, percentile, None, 1, 1)


@given(ROWS, st.integers(1, 10))
def test_it_is_the_pooled_ranking(rows: list[tuple[int, int, float]], k: int) -> None:
    """Each hospital gives its first `k` lines, which is enough."""
    apart = [ranked([row for row in rows if row[0] == place])[:k] for place in range(3)]
    own = [own_line(rank, *line) for rank, line in enumerate(apart[0], start=1)]
    others = {
        str(place): SiteAnswer(
            tuple(site_line(rank, *line) for rank, line in enumerate(apart[place], start=1)),
            *(None, 1, 1),
        )
        for place in (1, 2)
    }
    found = combined_lines(own, others, k)
    assert [(line.id, line.similarity) for line in found] == ranked(rows)[:k]
    assert [line.rank for line in found] == list(range(1, len(found) + 1))


def test_names_are_ours_and_of_equal_lines_the_higher_percentile_is_first() -> None:
    own = [own_line(1, "A", 0.501, 90.0), own_line(2, "B", 0.4)]
    others = {
        "b": SiteAnswer((site_line(1, "C", 0.5, 99.0), site_line(2, "A", 0.5, 95.0)), None, 1, 1),
        "c": SiteAnswer((site_line(1, "D", 0.5),), None, 1, 1),
    }
    found = combined_lines(own, others, 10)
    assert [(line.id, line.name) for line in found] == [
        ("C", "their C"),
        ("A", "our A"),
        ("D", "their D"),
        ("B", "our B"),
    ]
    assert [at.site for at in found[1].hospitals] == ["b", None]
    assert np.isclose(found[0].similarity, 0.5)
