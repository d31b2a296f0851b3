"""Events without a time are scored by their ids: those that have no prediction yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from batch_lab import kept, rows, scored, table
from other_tasks import UPLOADS, Sum

from threeways.batch import layout
from threeways.batch.layout import Naming
from threeways.errors import BatchError, DataError, ModelFailed, SettingsError, TransientError
from threeways.scoring.service import ModelService

pytest_plugins = ["postgres_server"]


UPLOADED = [(1, 5, "video", '["a", "b"]'), (2, 7, "audio", "[]"), (3, 13, "audio", '["c"]'),
            (4, -1, "audio", None), (5, 1, "film", None), (6, 9, "video", None)]  # fmt: skip
UPLOAD_COLUMNS = "upload_id INTEGER PRIMARY KEY, size INTEGER, kind TEXT, tags TEXT"


@pytest.mark.parametrize("place", ["sqlite", "folder", "postgresql"])
@pytest.mark.parametrize("chunk", [2, 100])
def test_events_without_a_time_or_features_by_column_go_by_their_ids(
    tmp_path: Path, place: str, chunk: int, request: pytest.FixtureRequest
) -> None:
    out = {"sqlite": f"sqlite:///{tmp_path / 'p.db'}", "folder": str(tmp_path / "out")}.get(place)
    out = out or request.getfixturevalue("postgres")
    url = table(f"sqlite:///{tmp_path / 'u.db'}", UPLOAD_COLUMNS, UPLOADED, "uploads")

    def found(kind: str = "predictions") -> list[Any]:
        if place == "folder":
            return sorted(tuple(row.values()) for row in kept(tmp_path / "out", kind))
        return rows(out, f'"upload-risk_{kind}"')

    done = scored(UPLOADS, url, out, chunk=chunk).run
    assert (done.interval, done.read, done.scored, done.undated) == (None, 6, 3, 0)
    assert [(row[0], round(row[1], 3), row[2]) for row in found()] == [
        (1, 8.714, ""), (2, 7.0, "untagged"), (6, 10.143, "untagged"),
    ]  # fmt: skip
    reasons = {row[0]: row[3] for row in found("quarantine")}
    assert reasons.keys() == {"3", "4", "5"}
    assert "unlucky" in reasons["3"]
    assert "`int` >= 0 - at `$.size`" in reasons["4"]
    assert "at `$.kind`" in reasons["5"]
    again = scored(UPLOADS, url, out, chunk=chunk).run
    assert (again.read, again.scored, again.quarantined, again.good(0)) == (0, 0, 0, True)
    assert len(found("quarantine")) == 3
    mended = [*UPLOADED[:2], (3, 12, "audio", '["c"]'), *UPLOADED[3:], (7, 13, "audio", None)]
    table(url, UPLOAD_COLUMNS, mended, "uploads")
    third = scored(UPLOADS, url, out, chunk=chunk).run
    assert (third.read, third.scored, third.quarantined) == (2, 1, 1)
    assert [row[0] for row in found()] == [1, 2, 3, 6]
    assert [row[0] for row in found("quarantine")] == ["4", "5", "7"]


@pytest.mark.parametrize(
    "asked", [{"last": "day"}, {"start": "2021-02-01"}, {"end": "now"}, {"lookback": "2d"}]
)
def test_an_interval_is_refused_where_events_have_no_time(tmp_path: Path, asked: dict[str, Any]) -> None:
    url = table(f"sqlite:///{tmp_path / 'u.db'}", UPLOAD_COLUMNS, UPLOADED)
    with pytest.raises(BatchError, match=r"names no time of its events.*name their column, TIME=, or leave"):
        scored(UPLOADS, url, f"sqlite:///{tmp_path / 'p.db'}", **asked)


def test_a_column_that_is_named_gives_events_a_time_an_id_and_a_truth(tmp_path: Path) -> None:
    columns = "key INTEGER PRIMARY KEY, size INTEGER, kind TEXT, at DATETIME, points REAL"
    given = [(1, 5, "video", "2021-02-01 08:00:00", 6.0), (2, 5, "video", "2021-02-02 08:00:00+01:00", None),
             (3, 5, "video", None, 1.0), (4, 5, "video", "2021-02-03 00:00:00", 1.0)]  # fmt: skip
    url = table(f"sqlite:///{tmp_path / 'u.db'}", columns, given, "only")
    out = f"sqlite:///{tmp_path / 'p.db'}"
    naming = Naming("key", "at", "points")
    done = scored(UPLOADS, url, out, naming, start="2021-02-01", end="2021-02-03").run
    assert (done.scored, done.quarantined, done.undated, done.judged) == (2, 1, 1, 1)
    assert done.mae == pytest.approx(6 - (5 + 8 / 7), abs=1e-9) or done.mae == pytest.approx(5 + 8 / 7 - 6)
    assert [row[:2] for row in rows(out, '"upload-risk_predictions"')] == [
        (1, "2021-02-01 08:00:00.000000"), (2, "2021-02-02 07:00:00.000000"),
    ]  # fmt: skip
    assert "missing required field `at` - at `$`" in rows(out, '"upload-risk_quarantine"')[0][4]
    with pytest.raises(BatchError, match="holds predictions of runs by a time, TIME=; go on like that"):
        scored(UPLOADS, url, out, Naming("key"))
    with pytest.raises(DataError, match="lacks upload_id"):
        scored(UPLOADS, url, out, Naming(time="at"))
    with pytest.raises(DataError, match="lacks nothing"):
        scored(UPLOADS, url, out, Naming("key", "at", "nothing"))
    with pytest.raises(SettingsError, match="two columns of its predictions would be called flags"):
        layout.of(UPLOADS, Naming(time="Flags"))


def test_lists_are_taken_from_json_columns(postgres: str) -> None:
    columns = "upload_id bigint primary key, size int, kind text, tags jsonb"
    table(postgres, columns, [(1, 5, "video", '["a", "b"]'), (2, 5, "video", "7"), (3, 5, "audio", None)])
    scored(UPLOADS, postgres, postgres)
    assert [row[0] for row in rows(postgres, '"upload-risk_predictions"')] == [1, 3]
    assert "Expected `array`, got `int` - at `$.tags`" in rows(postgres, '"upload-risk_quarantine"')[0][3]


def test_a_run_by_ids_that_fails_half_way_keeps_nothing(tmp_path: Path) -> None:
    class Dies(Sum):
        calls = 0

        def predict(self, block: Any) -> Any:
            self.calls += 1
            if self.calls > 2:
                raise MemoryError
            return super().predict(block)

    given = [(n, 5, "video", None) for n in range(20)]
    url = table(f"sqlite:///{tmp_path / 'u.db'}", UPLOAD_COLUMNS, given)
    for place in (f"sqlite:///{tmp_path / 'p.db'}", str(tmp_path / "out")):
        scored(UPLOADS, table(url, UPLOAD_COLUMNS, given[:1]), place)
        table(url, UPLOAD_COLUMNS, given)
        with pytest.raises((ModelFailed, TransientError)):
            scored(UPLOADS, url, place, service=ModelService(Dies(), UPLOADS, "v2"), chunk=5)
        assert scored(UPLOADS, url, place).run.scored == 19
    assert (
        len(kept(tmp_path / "out"))
        == len(rows(f"sqlite:///{tmp_path / 'p.db'}", '"upload-risk_predictions"'))
        == 20
    )
