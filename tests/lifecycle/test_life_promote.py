"""What the gate lets pass, what a promotion writes, and the way back."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pytest
from follow_lab import COLUMNS, Life, at_once, constant
from payments_lab import values
from rich.console import Console
from small_training import Training
from typer.testing import CliRunner

from threeways import bootstrap
from threeways.artifact.interval import IntervalTable, in_metadata
from threeways.cli.app import app
from threeways.errors import (
    ArtifactMismatch,
    PointerMoved,
    PointerRefused,
    PromotionRefused,
    SettingsError,
    UsageError,
)
from threeways.lifecycle import gate, promotion
from threeways.lifecycle.gate import Comparison, Part
from threeways.lifecycle.pointer import Pointer, without_previous
from threeways.local_run.events import Source, load
from threeways.ops import account
from threeways.ops import promote as promoting
from threeways.ops.deploy.model import tell
from threeways.ops.promote import Promoted, Request
from threeways.scoring.events import Events
from threeways.scoring.output import Ranged
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task
from threeways.settings import Settings
from threeways.systems.taxi import duration
from threeways.training.examples import training_of
from threeways.training.retrain import gate as retrain_gate

pytest_plugins = ["follow_fixtures"]

EVENT = b'{"id": 1, "distance": 1.0, "hour": 7.0}'
TRUTH = 10 + np.random.default_rng(3).normal(size=1_000)


def window(task: Task[Any] | None = None, truth: Any = TRUTH) -> Events:
    """1,000 events that really were 10, give or take one."""
    del task
    payloads = [b'{"id": %d, "distance": 1.0, "hour": 7.0}' % place for place in range(len(truth))]
    return Events("march", range(len(truth)), lambda: iter(payloads), truth, np.isfinite(truth))


def promoted(life: Life, folder: Path, **given: Any) -> Promoted:
    told = {"model": str(folder), "pointer": life.place, "by": "ann"} | given
    events = told.pop("window", window)
    return promoting.promote(Request(**told), events, life.folder / "local")


@pytest.fixture
def models(life: Life, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Models by what they predict of what is 10; skops files, as nobody vouches for them."""
    return {
        name: constant(life.folder / name, value, skops=True)
        for name, value in {"nine": 9.0, "ten": 10.0, "nearly": 9.995}.items()
    }


def test_the_first_promotion_needs_no_comparison(life: Life, models: dict[str, Path]) -> None:
    done = promoted(life, models["nine"], window=None)
    pointer = life.store.read().pointer
    assert pointer == done.change.pointer
    assert (pointer.by, pointer.because, pointer.previous) == ("ann", "the first one", None)
    assert pointer.location == f"s3://{life.bucket}/models/{pointer.sha256}"
    service, _ = life.started()
    assert service.version == pointer.version


def test_a_window_is_read_and_scored_even_if_no_model_serves_yet(life: Life, models: dict[str, Path]) -> None:
    def missing(task: Task[Any]) -> Events:
        raise UsageError(f"there is no such file, {task.name}")

    with pytest.raises(UsageError, match="no such file"):
        promoted(life, models["nine"], window=missing)
    with pytest.raises(UsageError, match="no such file"):
        promoted(life, models["nine"], window=missing, force=True, because="now")
    with pytest.raises(PromotionRefused, match="50 events with a known truth decide nothing"):
        promoted(life, models["nine"], window=lambda task: window(task, TRUTH[:50]))
    assert life.store.read().pointer is None
    done = promoted(life, models["nine"])
    assert done.alone is not None
    assert done.alone.startswith("rmse 1.4")
    assert done.change.pointer.because == f"the first one: {done.alone}"
    assert done.alone.endswith("on 1,000 events of march")


def test_a_better_model_passes_and_the_pointer_says_by_how_much(life: Life, models: dict[str, Path]) -> None:
    first = promoted(life, models["nine"]).change.pointer
    done = promoted(life, models["ten"])
    assert done.comparison is not None
    assert done.comparison.gain == pytest.approx(2**0.5 - 1, abs=0.1)
    assert done.comparison.margin < 0.1
    assert "better by 0.4" in done.change.pointer.because
    assert "1,000 events of march" in done.change.pointer.because
    assert done.change.pointer.previous == msgspec.convert(
        msgspec.to_builtins(first) | {"previous": None}, type(done.change.pointer.previous)
    )


def test_a_worse_model_is_refused_and_a_person_may_overrule_it_with_a_reason(
    life: Life, models: dict[str, Path]
) -> None:
    promoted(life, models["ten"])
    with pytest.raises(PromotionRefused, match=r"worse than the one that serves: rmse 1\.4.* worse by 0\.4"):
        promoted(life, models["nine"])
    with pytest.raises(UsageError, match="BECAUSE"):
        promoted(life, models["nine"], force=True)
    done = promoted(life, models["nine"], force=True, because="the others are down")
    assert done.change.pointer.because == "the others are down"
    assert ["older" in done.forced[0], "worse" in done.forced[1]] == [True, True]


def test_a_model_that_is_no_worse_than_chance_makes_it_passes(life: Life, models: dict[str, Path]) -> None:
    promoted(life, models["ten"])
    done = promoted(life, models["nearly"])
    assert done.comparison is not None
    assert done.forced == ()


def test_too_few_events_no_window_and_the_same_model_are_refused(life: Life, models: dict[str, Path]) -> None:
    promoted(life, models["nine"])
    with pytest.raises(PromotionRefused, match="EVENTS"):
        promoted(life, models["ten"], window=None)
    with pytest.raises(PromotionRefused, match="50 events with a known truth decide nothing"):
        promoted(life, models["ten"], window=lambda task: window(task, TRUTH[:50]))
    with pytest.raises(PromotionRefused, match="serves already"):
        promoted(life, models["nine"], force=True, because="again")


def test_another_task_or_signature_is_refused_even_with_force(life: Life, models: dict[str, Path]) -> None:
    promoted(life, models["nine"])
    other = constant(life.folder / "other", 10.0, COLUMNS.assign(speed=1.0), skops=True)
    with pytest.raises(ArtifactMismatch, match="speed is double, and was not there"):
        promoted(life, other, force=True, because="I want it")
    named = constant(life.folder / "named", 10.0, metadata={"task": "ride_tip"}, skops=True)
    with pytest.raises(ArtifactMismatch):
        promoted(life, named, force=True, because="I want it")
    serving = life.store.read().pointer
    assert serving is not None
    assert serving.name == str(models["nine"])


def test_an_older_model_is_refused(life: Life, models: dict[str, Path]) -> None:
    promoted(life, models["nearly"])  # made last
    with pytest.raises(PromotionRefused, match="is older than"):
        promoted(life, models["ten"])


@pytest.mark.parametrize("broken", [b"", b'{"format": 1, "loc', b"[]", b" " * 300_000])
def test_a_broken_pointer_is_written_anew_by_its_own_mend_and_only_if_nobody_else_has(
    life: Life, models: dict[str, Path], broken: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.put(broken)
    for change in (promoted, lambda *_: promoting.demote(life.place, "bob", "x", "champion", life.folder)):
        with pytest.raises(PointerRefused, match=r"make promote MODEL=.* POINTER=s3://.* FORCE=1 BECAUSE="):
            change(life, models["nine"])
    told = {"force": True, "because": "a put broke off"}

    def another(task: Task[Any]) -> Events:
        life.put(life.model("x", 1.0))
        return window(task)

    if not broken:
        with pytest.raises(PointerMoved, match="models:/rides/x"):
            promoted(life, models["nine"], window=another, **told)
        life.put(broken)
    done = promoted(life, models["nine"], **told)
    assert life.place in done.forced[0]
    assert "FORCE" not in done.forced[0]
    pointer = life.store.read().pointer
    assert pointer == done.change.pointer
    assert (pointer.because, pointer.previous) == ("a put broke off", None)


def test_two_promotions_at_once_one_wins_and_the_other_is_told(
    life: Life, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(life, models["nine"])
    held = life.store.read()
    serving = held.pointer
    assert serving is not None

    def by(name: str) -> Any:
        new = msgspec.structs.replace(serving, by=name)
        return promotion.put(life.store, serving, held.etag, new)

    told = at_once([lambda: by("ann"), lambda: by("bob")])
    [lost] = [one for one in told if isinstance(one, PointerMoved)]
    [won] = [one for one in told if not isinstance(one, Exception)]
    assert f"promoted by {won.pointer.by}" in str(lost)


def test_demote_goes_back_at_once_and_again_forth(life: Life, models: dict[str, Path]) -> None:
    nine = promoted(life, models["nine"]).change.pointer
    with pytest.raises(PromotionRefused, match="knows no model before"):
        promoting.demote(life.place, "bob", "it is wrong", "champion", life.folder)
    ten = promoted(life, models["ten"]).change.pointer
    back, alias = promoting.demote(life.place, "bob", "it is wrong", "champion", life.folder)
    assert (back.pointer.sha256, back.pointer.by, back.pointer.because) == (nine.sha256, "bob", "it is wrong")
    assert "no registered model" in alias
    forth, _ = promoting.demote(life.place, "bob", "it was right", "champion", life.folder)
    assert forth.pointer.sha256 == ten.sha256


def test_the_alias_moves_along(life: Life, training: Training) -> None:
    registered = training.report.model
    client = mlflow.MlflowClient(f"sqlite:///{training.folder / 'mlflow.db'}")
    told = {"model": registered.uri, "pointer": life.place, "by": "ann", "alias": "live"}
    with pytest.raises(
        UsageError, match=r"TO=live is no alias of models:/ride-duration; name one of chal.*champ"
    ):
        promoting.promote(Request(**told), None, training.folder)  # type: ignore[arg-type]
    assert life.store.read().pointer is None
    client.set_registered_model_alias(str(registered.name), "live", registered.version)
    done = promoting.promote(Request(**told), None, training.folder)  # type: ignore[arg-type]
    assert done.alias == f"the alias live is {registered.uri}'s now"
    assert done.change.pointer.task == "ride_duration"
    assert done.change.pointer.version == registered.run_id
    found = client.get_model_version_by_alias(str(registered.name), "live")
    assert str(found.version) == registered.version
    client.delete_registered_model_alias(str(registered.name), "live")

    life.put(msgspec.structs.replace(done.change.pointer, previous=without_previous(done.change.pointer)))
    before = life.store.read()
    with pytest.raises(UsageError, match="TO=chmpion is no alias of models:/ride-duration"):
        promoting.demote(life.place, "bob", "wrong", "chmpion", training.folder)
    assert life.store.read() == before


def test_slices_are_told_the_worst_first(training: Training) -> None:
    settings = Settings(task="ride_duration")
    champion = bootstrap.service_of(training.report.model.folder, settings)
    events = load(Source(training.validation), duration.task, lambda _: None)
    found = gate.compare(champion, champion, events)
    assert found.gain == 0
    assert found.fault is None
    names = [part.name for part in found.parts]
    assert any(name.startswith("distance, miles") for name in names)
    assert not any(part.worse for part in found.parts)


def test_a_part_that_gets_surely_worse_is_marked(life: Life) -> None:
    was, now = np.full(500, 1.0), np.full(500, 4.0)
    assert gate._part("zone 7", np.stack([was, now]), "rmse").worse
    assert not gate._part("zone 7", np.stack([now, was]), "rmse").worse


def test_a_model_that_is_surely_worse_on_a_slice_is_refused_as_a_retraining_s_is() -> None:
    part = Part("zone 7", 600, 1.0, 1.2, worse=True)
    found = Comparison("march", "rmse", 9_000, 2.0, 1.9, 0.1, 0.05, (part,))
    assert found.fault == "it is worse on zone 7, 1.2 against 1 on 600 events"


def test_a_difference_of_events_that_share_a_cause_is_less_certain(
    life: Life, models: dict[str, Path]
) -> None:
    nine, ten = (bootstrap.service_of(models[name], Settings()) for name in ("nine", "ten"))
    runs = 10 + np.repeat(np.random.default_rng(4).normal(size=40), 50)
    mixed = np.random.default_rng(5).permutation(runs)
    one, other = (gate.compare(nine, ten, window(truth=truth)) for truth in (runs, mixed))
    assert one.gain == pytest.approx(other.gain)
    assert one.margin > 2 * other.margin


def test_the_gate_and_a_retraining_say_the_same_of_the_same_rides(training: Training) -> None:
    service = bootstrap.service_of(training.report.model.folder, Settings(task="ride_duration"))
    challenger: Any = ModelService(Larger(service.model), duration.task, "8")
    events = load(Source(training.validation), duration.task, lambda _: None)
    found = gate.compare(service, challenger, events)
    labelled: Any = getattr(training_of(duration.task), "labelled", None)
    holdout = labelled(duration.task, training.validation, "HOLDOUT", lambda _: None)
    guess = [service.model.predict(holdout.block) * factor for factor in (1.0, 1.1)]
    verdict = retrain_gate.judged(duration.task, holdout, *guess)
    assert verdict.difference.by in {"day", "hour"}
    assert found.gain == pytest.approx(verdict.difference.value)
    assert found.margin == pytest.approx(verdict.difference.margin, rel=0.05)  # days of UTC, and of the city
    told = {f"{one.slice} {one.part}": one.is_worse for one in verdict.parts}
    assert told == {one.name: one.worse for one in found.parts if one.events >= 500}


class Larger:
    """A model whose predictions are a tenth larger than another's."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def predict(self, rows: Any) -> Any:
        return self._model.predict(rows) * 1.1


def test_a_model_that_refuses_more_events_is_refused() -> None:
    found = Comparison("march", "rmse", 900, 2.0, 1.0, 1.0, 0.1, (), (0, 100))
    assert "does not score 100" in str(found.fault)


def test_the_command_promotes_and_demotes(
    life: Life, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(life.folder)
    pd.DataFrame({"id": range(1_000), "distance": 1.0, "hour": 7.0, "really": TRUTH}).to_csv(
        "march.csv", index=False
    )

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, [*words, "--pointer", life.place, "--by", "ann"])

    for given in (
        ["--events", "march.parquet"],
        ["--actual", "zzz"],
        ["--events", "march.csv", "--actual", "zzz"],
    ):
        assert run("promote", str(models["nine"]), *given).exit_code == 1
    assert life.store.read().pointer is None
    first = run("promote", str(models["nine"]), "--events", "march.csv", "--actual", "really")
    assert first.exit_code == 0, first
    assert "No model serves yet to compare it with: rmse 1.4" in first.output
    assert "make demote" not in first.output
    told = run("promote", str(models["ten"]), "--events", "march.csv", "--actual", "really")
    assert told.exit_code == 0, told
    assert "better by 0.4" in told.output
    assert "Back: make demote" in told.output
    assert run("demote").exit_code == 0
    pointer: Pointer | None = life.store.read().pointer
    assert pointer is not None
    assert pointer.name == str(models["nine"])


@pytest.mark.parametrize("command", [["demote"], ["promote", "models:/ride-duration/1"]])
def test_a_pointer_s_form_is_checked_before_any_account_is_asked(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "client", lambda *_: pytest.fail("an account was asked for"))
    for place in ("foo", "s3://bucket", "s3://bucket/"):
        done = CliRunner().invoke(app, [*command, "--pointer", place])
        assert isinstance(done.exception, SettingsError)
        assert f"{place!r} is no pointer" in str(done.exception)


def test_recalibration_is_the_same_model_with_another_interval_table(
    life: Life, models: dict[str, Path]
) -> None:
    table = IntervalTable(coverage=0.8, edges=(), low=(-2.0,), high=(3.0,))
    with pytest.raises(PromotionRefused, match="promote a model first"):
        promotion.recalibrate(life.store, table, "ann", "new labels")
    first = promoted(life, models["ten"]).change.pointer
    _, follower = life.started()
    change = promotion.recalibrate(life.store, table, "ann", "coverage was 75 %")
    assert change.pointer.is_same_model(first)
    assert change.pointer.interval == table
    new = life.after(30, follower)
    assert new is not None
    assert values(new.score([EVENT], [datetime.now(UTC)])) == [Ranged(10.0, 8.0, 13.0)]
    started, _ = life.started()
    assert values(started.score([EVENT], [datetime.now(UTC)])) == [Ranged(10.0, 8.0, 13.0)]

    with pytest.raises(PromotionRefused, match="worse by 0"):  # a model with intervals is compared as any
        promoted(life, models["nine"])
    promotion.recalibrate(life.store, None, "ann", "back to its own")
    plain = life.after(30, follower)
    assert plain is not None
    assert values(plain.score([EVENT], [datetime.now(UTC)])) == [10.0]


def test_a_model_without_intervals_does_not_take_over_from_one_with_them_unsaid(
    life: Life, models: dict[str, Path]
) -> None:
    table = IntervalTable(coverage=0.8, edges=(), low=(-2.0,), high=(3.0,))
    serving = constant(life.folder / "with", 10.0, metadata=in_metadata(table), skops=True)
    without = constant(life.folder / "without", 10.0, metadata={"interval": "hello"}, skops=True)
    promoted(life, serving)
    with pytest.raises(
        PromotionRefused, match=r"it has no interval table, and .*with, which serves, has one"
    ):
        promoted(life, without)
    done = promoted(life, without, force=True, because="nobody reads them")
    assert "no interval table" in done.forced[0]
    said = Console(file=io.StringIO(), width=500)
    for folder, line in ((serving, "intervals: of 80 %"), (without, "metadata.interval is 'hello'")):
        tell(str(folder), Settings(), said, life.folder)
        assert line in said.file.getvalue()  # type: ignore[attr-defined]


def test_a_foreign_model_gets_its_golden_set_when_it_is_promoted(life: Life, models: dict[str, Path]) -> None:
    promoted(life, models["ten"])
    service, _ = life.started()
    assert service.golden > 0
    assert not (models["ten"] / "golden.json").exists()
    with pytest.raises(PromotionRefused, match="serves already"):  # its set is the same each time
        promoted(life, models["ten"])
