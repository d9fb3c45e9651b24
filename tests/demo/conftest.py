"""One small demo for the session, in the space of the tests' tiny encoder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from gestalt_space.demo.run import DemoResult, run_demo
from gestalt_space.pages.demo import demo_page
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.weights.store import ModelStore

PLAN = CohortPlan(disorders=5, patients=20, seed=3)
OPTIONS = {
    "draw": partial(draw_cohort, PLAN),
    "space": "tiny",
    "detector": "aligned",
    "page": demo_page,
}


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory, tiny_store: ModelStore) -> DemoResult:
    """A demo of 20 patients with 5 disorders: not to be changed by a test."""
    folder = tmp_path_factory.mktemp("demo") / "a demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GESTALT_SETTINGS", str(Path(folder.parent, "no-settings.toml")))
        return run_demo(folder, models=tiny_store, **OPTIONS)
