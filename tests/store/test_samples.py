"""A sample is drawn by its seed, of descriptors whose crops are kept."""

from __future__ import annotations

from gestalt_space.store import samples, writes
from gestalt_space.store.engine import Database
from tests.galleries import new_photo


def test_a_sample_is_the_same_for_a_seed_and_all_where_there_are_fewer(database: Database) -> None:
    photos = [new_photo(f"P{n}", n, crop=n != 4) for n in range(12)]
    with database.writing() as session:
        space = writes.add_space(
            session, model="m", fingerprint="f" * 64, specification="{}", dim=16
        )
        writes.add_photos(session, photos, space_id=space)
    with database.reading() as session:
        drawn = [samples.draw_described(session, space, 4, seed) for seed in (0, 0, 1, 2)]
        everything = samples.draw_described(session, space, 99, 0)
        crops = samples.kept_crops(session, everything)
    assert drawn[0] == drawn[1] == sorted(drawn[0])
    assert len({tuple(one) for one in drawn}) > 1
    assert len(everything) == 11
    assert [crop.title for crop in crops][:2] == ["P0-0.png (P0)", "P1-1.png (P1)"]
    assert "P4-4.png (P4)" not in {crop.title for crop in crops}
