"""A champion and its shadow on the same events: paired, with an interval that is honest, and a verdict."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import skops.io
from rich.console import Console
from small_training import Training

from threeways import artifact
from threeways.errors import DataError, UsageError
from threeways.lifecycle.compare import Actual, Comparison, Told, compared
from threeways.local_run import comparison, consumers
from threeways.local_run.comparison import Sources
from threeways.local_run.life import steps
from threeways.local_run.life.record import Record
from threeways.local_run.pipeline import Options
from threeways.ops.capacity.readers import names_of
from threeways.scoring import golden, paired, tasks
from threeways.settings import Settings
from threeways.training.registry import RegisteredModel

TASK = tasks.find("ride_duration")
HOUR = 3_600
N = 4_000


def rides(version: str, values: Any, later: float = 0.0) -> list[Told]:
    return [
        Told(f"shard:{at}", str(at), value, version, 1e9 + at + later)
        for at, value in enumerate(np.asarray(values).tolist())
    ]


def actuals(values: Any, each: float = 60.0) -> dict[int | str, Actual]:
    """What really was, an event every so many seconds; its miles are its minutes' fifth."""
    return {
        str(at): Actual(value, 1e9 + at * each, {"trip_distance": value / 5, "PULocationID": at % 4 + 1})
        for at, value in enumerate(values.tolist() if isinstance(values, np.ndarray) else values)
    }


RNG = np.random.default_rng(3)
TRUTH = RNG.uniform(5, 45, N)
OLD = TRUTH + RNG.normal(0, 5, N)
NEW = TRUTH + RNG.normal(0, 4.6, N)


def both(new: Any = NEW, truth: Any = TRUTH, **given: Any) -> Comparison:
    return compared(
        rides("6", OLD), rides("7", new, 0.5), actuals(truth), TASK.slices, unit="minutes", **given
    )


def test_the_better_one_is_named_with_an_interval_of_its_paired_errors() -> None:
    found = both()
    gain = np.abs(OLD - TRUTH) - np.abs(NEW - TRUTH)
    assert found.difference
    assert found.difference.value == pytest.approx(gain.mean())
    assert (found.difference.by, found.difference.clusters) == ("hour", 68)
    assert found.difference.margin == pytest.approx(1.96 * gain.std() / N**0.5, rel=0.2)
    assert found.verdict == "better"
    assert found.said().startswith("7 is better by 0.")
    assert found.said().endswith("minutes after 4,000 events: promote?")
    assert found.champion.errors["mae"] == pytest.approx(np.abs(OLD - TRUTH).mean())
    assert found.challenger.errors["bias"] == pytest.approx((NEW - TRUTH).mean())
    assert found.later == {"p50": 0.5, "p99": 0.5}
    assert found.apart["mean"] == pytest.approx(np.abs(OLD - NEW).mean())
    back = compared(rides("7", NEW), rides("6", OLD), actuals(TRUTH), unit="minutes")
    assert back.verdict == "worse"
    assert back.said().startswith("6 is worse by 0.")
    assert back.said().endswith("keep 7")


def test_two_of_one_quality_cannot_be_told_apart() -> None:
    found = both(TRUTH + np.random.default_rng(9).normal(0, 5, N))
    assert found.verdict == "alike"
    assert "7 and 6 can't be told apart after 4,000 events" in found.said()
    same = both(OLD)
    assert (same.verdict, same.apart["differ"]) == ("alike", 0)
    assert "they differ by 0 ± 0 minutes" in same.said()


def test_the_interval_holds_the_truth_where_hours_share_a_cause_and_an_independent_one_does_not() -> None:
    rng = np.random.default_rng(1)
    times = np.repeat(np.arange(40.0), 50) * HOUR
    held = {"clusters": 0, "alone": 0}
    for _ in range(400):
        values = np.repeat(rng.normal(0, 1, 40), 50) + rng.normal(0, 1, 2_000)
        for name, clusters in (
            ("clusters", paired.clusters_of(times)),
            ("alone", ("event", np.arange(2_000))),
        ):
            found = paired.difference(values, clusters)
            assert found.margin
            held[name] += abs(found.value) <= found.margin
    assert 0.92 <= held["clusters"] / 400 <= 0.98
    assert held["alone"] / 400 < 0.5


def test_looking_again_until_it_is_sure_finds_no_more_differences_than_one_look() -> None:
    rng = np.random.default_rng(2)
    looks, worlds = steps.LOOKS, 200
    ends = [steps.COMPARED + look * steps.COMPARED // 3 for look in range(looks)]
    minutes = np.arange(0, 90.0 * ends[-1], 90.0)
    found = {"each at 95 %": 0, "all at 95 %": 0}
    for _ in range(worlds):  # of two models that are alike
        values = (
            rng.normal(0, 1, ends[-1]) + np.repeat(rng.normal(0, 0.3, 1 + ends[-1] // 40), 40)[: ends[-1]]
        )
        for name, sure in (("each at 95 %", 0.95), ("all at 95 %", paired.of_each(looks))):
            found[name] += any(
                paired.difference(values[:end], paired.clusters_of(minutes[:end]), sure).is_sure
                for end in ends
            )
    assert found["all at 95 %"] / worlds <= 0.05
    assert found["each at 95 %"] / worlds > 0.12


def test_a_verdict_of_several_looks_says_so_and_is_less_easily_sure() -> None:
    once, often = both(), both(looks=10)
    assert (once.looks, often.looks) == (1, 10)
    assert once.difference
    assert once.difference.margin
    assert often.difference
    assert often.difference.margin
    assert often.difference.margin > 1.3 * once.difference.margin
    assert "after 4,000 events (at 99.5 %, as one of at most 10 looks): promote?" in often.said()
    assert "looks" not in once.said()


def test_a_challenger_that_cannot_be_told_apart_is_given_up_after_the_last_look() -> None:
    rng, n = np.random.default_rng(6), 8_000
    record = Record(range(n), ())
    truth = rng.uniform(5, 45, n)
    for place in range(n):
        record.shadowed(place, truth[place] + rng.normal(0, 5))
        label = {"id": place, "predicted": truth[place] + rng.normal(0, 5), "actual": truth[place]}
        record.take(label | {"slices": {}}, "id")
    said: list[str] = []
    times = np.datetime64("2021-01-01") + np.arange(n) * np.timedelta64(90, "s")
    untouched = lambda *_: pytest.fail("it was promoted")  # noqa: E731
    loop = steps.Steps(record, times, untouched, Path(), untouched, untouched, untouched, said.append)
    uris = SimpleNamespace(uri="models:/rides/6"), SimpleNamespace(uri="models:/rides/7")
    loop.report = SimpleNamespace(champion=uris[0], model=uris[1])  # type: ignore[assignment]
    loop.marks.retrain = 0
    loop._step, closed = loop._compare, 0

    def advance() -> None:
        nonlocal closed
        while closed < n:
            closed += 100
            record.decided[closed:], record._closed = False, 0
            record.decided[:closed] = True
            loop.advance()

    with pytest.raises(steps.Failed, match=r"can't be told apart .* one of at most 10 looks"):
        advance()
    assert len(said) == steps.LOOKS
    assert closed < n


def test_clusters_are_the_longest_of_which_there_are_enough() -> None:
    at = np.arange(0, 30 * 86_400, 600.0)
    assert [paired.clusters_of(one)[0] for one in (at, at[:3000], at[:150], at / 60, at[:150] / 60)] == [
        "day", "day", "hour", "10 minutes", "minute",
    ]  # fmt: skip
    assert paired.clusters_of(np.array([1.0, np.nan]))[0] == "event"


def test_where_they_are_apart_and_where_the_challenger_is_worse_is_told_by_slices() -> None:
    new = np.where(TRUTH > 35, TRUTH + 9, TRUTH)
    found = both(new)
    assert found.verdict == "better"
    [worst] = [one for one in found.worse_parts if one.part == "7.5-10"]
    assert worst.slice == "distance, miles"
    assert worst.difference
    assert worst.difference.value < -2
    assert "It is worse in distance, miles 7.5-10" in found.said()
    assert {one.part for one in found.parts if one.slice == "pickup zone"} == {"1", "2", "3", "4"}
    assert both(OLD).worse_parts == []


def test_repeated_answers_count_once_and_those_of_two_versions_are_told() -> None:
    old, new = rides("6", OLD), rides("7", NEW)
    again = [
        old[0],
        msgspec.structs.replace(old[1], version="5", value=99.0),
        msgspec.structs.replace(old[2], value=77.0, at=0.0),
    ]
    found = compared([*old, *again], new[10:], actuals(TRUTH))
    assert (found.champion.repeated, found.champion.replaced) == (3, 1)
    assert (found.champion.alone, found.challenger.alone, found.both) == (10, 0, N - 10)
    assert found.challenger.versions == {"7": N - 10}
    first = compared([*old, *again], new, {"2": Actual(77.0), "1": Actual(OLD[1])})
    assert first.labelled == 2
    assert first.champion.errors["mae"] == 0  # the first delivered, by its arrival


def test_without_truth_or_with_little_there_is_no_verdict() -> None:
    assert both(truth=[]).difference is None
    few = both(truth=TRUTH[:29])
    assert (few.verdict, few.labelled, few.difference) == ("unknown", 29, None)
    assert "cannot be judged: 29 of the 4,000 events" in few.said()
    assert both(truth=TRUTH[:30]).difference
    odd = [Actual(float("nan")), Actual(None), Actual("x"), Actual(float("inf"))]
    unknown = compared(rides("6", OLD), rides("7", NEW), actuals(TRUTH) | dict(zip("0123", odd, strict=True)))
    assert unknown.labelled == N - 4


def test_answers_that_are_no_numbers_are_counted_and_left_out() -> None:
    found = compared(rides("6", [float("nan"), float("inf"), *OLD[2:]]), rides("7", NEW), actuals(TRUTH))
    assert (found.champion.invalid, found.both, found.challenger.alone) == (2, N - 2, 2)


def test_what_cannot_be_compared_is_refused() -> None:
    elsewhere = [msgspec.structs.replace(one, source=f"other:{one.source}") for one in rides("7", NEW)]
    with pytest.raises(DataError, match="no event in common, of 4,000 and 4,000: give the output of two"):
        compared(rides("6", OLD), elsewhere, {})
    with pytest.raises(DataError, match="shadow holds no prediction: name its output stream"):
        compared(rides("6", OLD), [], {}, names=("ride_duration", "shadow"))
    words = [msgspec.structs.replace(one, value="long") for one in rides("7", NEW)]
    with pytest.raises(DataError, match="do not both answer numbers"):
        compared(rides("6", OLD), words, {})


def test_labels_are_judged_by_how_many_are_wrong() -> None:
    true = RNG.choice(["ok", "fraud"], 500)
    old = np.where(RNG.random(500) < 0.3, "ok", true)
    truth: dict[int | str, Actual] = {str(at): Actual(str(one)) for at, one in enumerate(true)}

    def labelled(version: str, labels: Any) -> list[Told]:
        return [Told(str(at), str(at), {"label": str(one)}, version) for at, one in enumerate(labels)]

    found = compared(labelled("6", old), labelled("7", true), truth)
    assert found.challenger.errors == {"wrong": 0}
    assert found.champion.errors["wrong"] == pytest.approx((old != true).mean())
    assert (found.verdict, found.measure) == ("better", "share of wrong labels")


def lines(path: Path, told: Sequence[Any]) -> str:
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in told))
    return str(path)


def messages(version: str, values: Any, **more: Any) -> list[dict[str, Any]]:
    return [
        {"model": "m", "version": version, "prediction": {"ride_duration": value, "ride_id": at, **more},
         "source_event_id": f"shard:{at}"}
        for at, value in enumerate(np.asarray(values).tolist())
    ]  # fmt: skip


def told_of(sources: Sources, folder: Path) -> tuple[Comparison, str]:
    said = io.StringIO()
    return comparison.compare(sources, TASK, Console(file=said, width=140), folder), said.getvalue()


def test_files_of_messages_and_label_outcomes_are_compared(tmp_path: Path) -> None:
    outcome = {
        "message": "label",
        "revision": 1,
        "model": "m",
        "predicted": 1.0,
        "at": "2021-02-01T08:00:00Z",
    }
    labels = [
        {
            **outcome,
            "ride_id": at,
            "version": version,
            "actual": value,
            "slices": {"trip_distance": 1.5, "hour": 8},
        }
        for at, value in enumerate(TRUTH[:200].tolist())
        for version in ("6", "7")
    ]
    labels += [
        {**labels[0], "revision": 0, "actual": 1e6},
        {"message": "unmatched", "side": "label", "ride_id": 9},
    ]
    sources = Sources(
        lines(tmp_path / "old.jsonl", messages("6", OLD[:300], interval=[1.0, 90.0])),
        lines(tmp_path / "new.jsonl", messages("7", NEW[:300])),
        lines(tmp_path / "labels.jsonl", labels),
    )
    found, said = told_of(sources, tmp_path)
    assert (found.both, found.labelled) == (300, 200)
    assert found.champion.errors["mae"] == pytest.approx(np.abs(OLD[:200] - TRUTH[:200]).mean())
    assert {(one.slice, one.part) for one in found.parts} == {
        ("distance, miles", "1-2"),
        ("hour of the day", "8"),
    }
    assert "The truth of 66.7% of them is known" in said
    assert found.said() in said
    assert json.loads((tmp_path / comparison.LAST).read_text())["verdict"] == found.verdict
    table = tmp_path / "table.csv"
    table.write_text("id,minutes\n" + "".join(f"{at},{one}\n" for at, one in enumerate(TRUTH[:300])))
    again, _ = told_of(replace(sources, actuals=str(table), actual="minutes", id="id"), tmp_path)
    assert (again.labelled, again.parts) == (300, [])


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "message 1: it is no prediction of ride_duration"),
        ('{"prediction": {"ride_id": 1, "ride_duration": NaN}, "source_event_id": "a"}', "message 1"),
        ('{"prediction": {"tip": 1}, "source_event_id": "a"}', "message 1"),
        ('{"prediction": {"ride_id": 1}, "source_event_id": "a"}', "message 1"),
        ("[" * 100_000, "message 1"),
        ("", "old holds no prediction"),
    ],
)
def test_a_file_that_holds_no_predictions_is_named(tmp_path: Path, line: str, named: str) -> None:
    (tmp_path / "old.jsonl").write_text(line)
    new = lines(tmp_path / "new.jsonl", messages("7", NEW[:5]))
    with pytest.raises(DataError, match=named.replace("old holds", r"old.jsonl holds")):
        told_of(Sources(str(tmp_path / "old.jsonl"), new), tmp_path)
    with pytest.raises(DataError, match="is no file"):
        told_of(Sources(str(tmp_path / "gone.jsonl"), new), tmp_path)


def test_a_table_without_the_columns_is_refused(tmp_path: Path) -> None:
    old, new = (lines(tmp_path / f"{name}.jsonl", messages(name, OLD[:5])) for name in ("6", "7"))
    with pytest.raises(DataError, match=r"row 1: it has no actual; name the columns .* ID= and ACTUAL="):
        told_of(Sources(old, new, lines(tmp_path / "t.jsonl", [{"ride_id": 1}])), tmp_path)


def test_a_shadow_is_a_further_consumer_of_the_task_before_it() -> None:
    first, shadow = consumers.named("ride_duration shadow=models:/ride-duration/7", Settings())
    assert (first.name, shadow.name, shadow.task) == ("ride_duration", "shadow", first.task)
    assert first.settings.model_location is None
    assert shadow.settings.model_location == "models:/ride-duration/7"
    assert names_of("ride_duration shadow=models:/ride-duration/7") == ["ride_duration", "shadow"]
    for text, why in (
        ("shadow=models:/a/1", "say the task first"),
        ("ride_duration shadow=", "names no shadow"),
        ("ride_duration a/b=models:/a/1", "names no shadow"),
        ("ride_duration a=m:/1 a=m:/2", "names a twice"),
        ("ride_duration ride_duration", "another model of it as a shadow"),
    ):
        with pytest.raises(UsageError, match=why):
            consumers.named(text, Settings())


@pytest.mark.exhaustive
def test_a_run_with_a_shadow_is_compared_by_its_own_truth(training: Training, tmp_path: Path) -> None:
    champion = training.report.model
    folder = Path(shutil.copytree(champion.folder, tmp_path / "shadow model"))
    estimator = artifact.load(folder, runtime="sklearn").estimator
    estimator.steps[-1][1]._baseline_prediction += 20  # minutes, or so: each ride is thought too long
    skops.io.dump(estimator, folder / "model.skops")
    (folder / golden.NAME).unlink()
    text = (folder / "MLmodel").read_text().replace("  golden: golden.json\n", "")
    (folder / "MLmodel").write_text(text.replace(champion.run_id, "the-shadow"))

    def find(settings: Settings) -> RegisteredModel:
        if settings.model_location:
            return replace(champion, uri=settings.model_location, run_id="the-shadow", folder=folder)
        return champion

    sklearn = Settings(model_runtime="sklearn")
    named = consumers.named("ride_duration shadow=models:/ride-duration/7", sklearn)
    with pytest.raises(UsageError, match=r"no run in .* had a shadow"):
        comparison.newest(tmp_path)
    ledgers, refused = consumers.run(
        Options(n=300, poison=0.05), named, find, Console(file=io.StringIO()), tmp_path
    )
    assert refused == {}
    assert {name: (one.predicted, one.quarantined, one.lost) for name, one in ledgers.items()} == {
        "ride_duration": (285, 15, 0),
        "shadow": (285, 15, 0),
    }
    task, sources = comparison.newest(tmp_path)
    assert task == "ride_duration"
    found, said = told_of(sources, tmp_path)
    assert (found.both, found.champion.name, found.challenger.name) == (285, "ride_duration", "shadow")
    assert 200 < found.labelled <= 285
    assert found.verdict == "worse"
    assert "the-shadow is worse by" in said
    assert {one.slice for one in found.parts} >= {"distance, miles"}
