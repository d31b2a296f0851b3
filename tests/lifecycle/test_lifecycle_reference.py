"""The reference in the artifact: what it counts, and that a file of others is bounded and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from reference_lab import DAYS, reference_of, rows_of, times_of
from small_training import Training

from threeways.artifact import reference
from threeways.artifact.reference.binning import counter_of
from threeways.artifact.reference.building import blocks_of, build
from threeways.artifact.reference.structure import CATEGORIES, FILE_BYTES
from threeways.errors import ArtifactIncomplete, ArtifactMissing


def test_training_keeps_what_its_rows_predictions_and_errors_were_like(training: Training) -> None:
    found = reference.read(training.report.model.folder)
    assert (found.task, found.rows, found.block_days) == ("ride_duration", training.report.rows_train, 1)
    kinds = {one.name: one.kind for one in found.features}
    assert kinds["PULocationID"] == kinds["weekday"] == "codes"
    assert kinds["trip_distance"] == kinds["minute_of_day"] == "numbers"
    assert [one.name for one in found.predictions] == ["ride_duration"]
    assert {int(one.by_block.sum()) for one in found.columns} == {found.rows}
    assert found.errors is not None
    assert sum(found.errors.rows) == training.report.rows_validation
    mean_square = sum(found.errors.squares) / sum(found.errors.rows)
    assert np.sqrt(mean_square) == pytest.approx(training.report.measures["rmse"])


def test_a_month_has_a_block_a_day_and_a_year_has_no_more_than_fit() -> None:
    assert blocks_of(1_000, times_of(1_000)).count == DAYS
    year = blocks_of(10_000, times_of(10_000, 365))
    assert (year.days, year.count) == (6, 61)
    stray = times_of(1_000)
    stray[0] = np.datetime64("2008-12-31")
    assert blocks_of(1_000, stray).first == "2021-01-01"
    assert blocks_of(1_000, stray).of[0] == -1


def test_counts_of_every_kind_add_up_and_tell_missing_and_other_values() -> None:
    found = {one.name: one for one in reference_of().features}
    rows = rows_of(500, 1)
    for name, column in found.items():
        assert counter_of(column)(rows[name]).sum() == 500
    strange = np.array([np.nan, -np.inf, np.inf, 99.0, 2.5])
    weights = counter_of(found["weight"])(strange)
    assert weights[[-1, -2]].tolist() == [1, 2]
    assert weights.sum() == 5
    zones = counter_of(found["zone"])(np.array([np.nan, -np.inf, np.inf, 99.0, 20.0, 1e300]))
    assert [*zones[[-1, -2]], zones.sum()] == [1, 4, 6]
    texts = counter_of(found["payment"])(np.array([None, np.nan, "cheque", "card", 7], dtype=object))
    assert texts[[-1, -2, 0]].tolist() == [2, 2, 1]


def test_texts_are_sampled_and_numbers_are_not() -> None:
    found = {one.name: one for one in reference_of().features}
    rows = rows_of(10_000, 1)
    assert counter_of(found["payment"], 250)(rows["payment"]).sum() == 250
    assert counter_of(found["weight"], 250)(rows["weight"]).sum() == 10_000


def test_a_million_categories_are_counted_as_lengths_and_codes_as_numbers() -> None:
    ids = np.arange(1_000_000)
    made = build("shop", "x", {"id": ids, "name": np.array([f"n{one}" for one in ids], dtype=object)}, {})
    assert made is not None
    assert [one.kind for one in made.features] == ["numbers", "lengths"]
    assert len(reference.encode(made)) < 20_000


def test_frequent_texts_stay_categories_beside_a_long_tail() -> None:
    texts = np.array(["usual"] * 6_000 + [f"rare {one}" for one in range(4_000)], dtype=object)
    made = build("shop", "x", {"what": texts}, {})
    assert made is not None
    [column] = made.features
    assert (column.kind, column.texts[0], len(column.texts)) == ("texts", "usual", CATEGORIES)
    assert column.by_block.sum(0)[-2] == 4_000 - CATEGORIES + 1


def test_few_rows_and_columns_of_times_make_no_reference() -> None:
    assert build("shop", "x", rows_of(199), {}) is None
    assert build("shop", "x", {"at": times_of(1_000)}, {}) is None


def test_whole_texts_of_digits_are_texts() -> None:
    made = build("shop", "x", {"code": np.array(["10", "11"] * 200, dtype=object)}, {})
    assert made is not None
    assert made.features[0].kind == "texts"
    assert counter_of(made.features[0])(np.array(["10", 10, 12], dtype=object)).tolist() == [2, 0, 1, 0]


def test_an_optional_whole_number_is_a_code_and_none_is_missing() -> None:
    values = np.array([1, 2, None, 2] * 100, dtype=object)
    made = build("shop", "x", {"code": values}, {})
    assert made is not None
    assert made.features[0].by_block.sum(0).tolist() == [200, 100, 0, 100]


def changed(path: list[Any], value: Any) -> bytes:
    told = msgspec.json.decode(reference.encode(reference_of(2_000)))
    place = told
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return msgspec.json.encode(told)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"format": 1, "ta', "truncated"),
        (b"[" * 100_000, "Expected `object`"),
        (b"\xff\xfe", ""),
        (b" " * (FILE_BYTES + 1), "bytes"),
        (changed(["format"], 2), "format"),
        (changed(["secret"], 2), "secret"),
        (changed(["features", 0, "edges"], [2.0, 1.0]), "counts for more or fewer"),
        (changed(["features", 0, "edges", 3], -5.0), "do not ascend"),
        (changed(["features", 0, "means"], []), "one mean"),
        (changed(["features", 0, "counts", 3], [1]), "counts for more"),
        (changed(["features", 0, "counts", 3, 0], -1), ">= 0"),
        (changed(["features", 1, "codes", 0], 3), "twice"),
        (changed(["features", 1, "codes"], list(range(10_000))), "length"),
        (changed(["features", 1, "name"], "weight"), "one name"),
        (changed(["features", 2, "counts"], []), "different blocks"),
        (changed(["features", 2, "codes"], [1]), "two kinds"),
        (changed(["errors"], {"rows": [1], "sums": [], "squares": []}), "different lengths"),
    ],
    ids=lambda one: one[:20] if isinstance(one, str) else "",
)
def test_a_broken_reference_is_refused_with_its_fault_and_the_mend(text: bytes, why: str) -> None:
    with pytest.raises(ArtifactIncomplete, match=r"train or export the model again") as refused:
        reference.parse(text, "somewhere/reference.json")
    assert why in str(refused.value)


def test_an_artifact_without_a_reference_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissing, match="threeways export"):
        reference.read(tmp_path)
    (tmp_path / reference.FILE).mkdir()
    with pytest.raises(ArtifactMissing):
        reference.read(tmp_path)


def test_other_bins_have_another_id_and_the_same_rows_again_the_same() -> None:
    assert reference_of().bins_id == reference_of().bins_id
    assert reference_of().bins_id != reference_of(seed=1).bins_id
