"""scikit-learn's models are served as pyfunc answers, or refused: `docs/models.md` says which."""

from __future__ import annotations

from pathlib import Path

import pytest
import zoo_table
from zoo_table import FORMATS, examined, line, page, share

WRITTEN = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")


@pytest.mark.parametrize(("name", "kind"), [("Lars", "regressor"), ("LogisticRegression", "classifier")])
def test_a_model_s_line_in_the_docs_says_how_it_is_served(name: str, kind: str) -> None:
    found, graph = examined(name, kind)
    assert line(name, found, graph=graph) in WRITTEN.splitlines()
    assert share(found, "skops") == 1.0


@pytest.mark.exhaustive
def test_no_model_is_served_that_answers_otherwise_and_the_docs_list_them_all() -> None:
    found = []

    def of(name: str, kind: str) -> tuple[list[zoo_table.Result], bool]:
        results, graph = examined(name, kind)
        found.extend(results)
        return results, graph

    assert page(of) == WRITTEN, "python tools/zoo_table.py > docs/models.md"
    assert share(found, "skops") >= 0.9
    assert share(found, "cloudpickle") >= 0.95
    assert all("; " in one.why for one in found if not one.served)  # what is refused names a mend
    assert {one.format for one in found} == set(FORMATS)
