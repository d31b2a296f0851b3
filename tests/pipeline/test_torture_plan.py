from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from shlex import split

import pytest
from typer.testing import CliRunner

from threeways.chaos import system_schedule
from threeways.chaos.schedule import DEFAULTS, GUARANTEED_WITHIN, Plan, parse
from threeways.chaos.torture import Options, again_command
from threeways.cli.app import app
from threeways.emulator.faults import Kind
from threeways.errors import UsageError
from threeways.local_run.event_rows import ColumnNames
from threeways.settings import Settings


def struck(plan: Plan, calls: int, operation: str = "PutRecords", seed: int = 1) -> set[Kind]:
    schedule = plan.schedule(seed)
    faults = [schedule.next(operation, 10) for _ in range(calls)]
    return {fault.kind for fault in faults if fault}


def test_without_faults_named_the_defaults_hold() -> None:
    assert parse(None).chances == parse("").chances == DEFAULTS
    assert parse(str(parse(None))) == parse(None)


def test_a_fault_that_is_named_changes_and_the_others_stay() -> None:
    assert parse("kill=0.5, partial=0").chances == {**DEFAULTS, "kill": 0.5, "partial": 0.0}


def test_none_clears_the_others() -> None:
    plan = parse("none,kill=0.25")
    assert plan.chances == {**dict.fromkeys(DEFAULTS, 0.0), "kill": 0.25}
    assert str(plan) == "none,kill=0.25"
    assert struck(plan, 200) == {Kind.KILL_BEFORE, Kind.KILL_AFTER}
    assert struck(parse("none"), 200) == struck(parse("none"), 200, "GetObject") == set()


def test_a_fault_of_one_consumer_is_its_own() -> None:
    plan = parse("none,throttled=0.1,tip:kill=0.5,tip:throttled=0", ["duration", "tip"])
    assert plan.of("duration").chances == {**dict.fromkeys(DEFAULTS, 0.0), "throttled": 0.1}
    assert plan.of("tip").chances == {**dict.fromkeys(DEFAULTS, 0.0), "kill": 0.5}
    assert str(plan) == "none,throttled=0.1,tip:kill=0.5,tip:throttled=0"
    assert parse(str(plan), ["duration", "tip"]) == plan
    assert parse("tip:kill=0.5,none", ["tip"]).of("tip") == parse("none")


@pytest.mark.parametrize(
    ("text", "consumers", "said"),
    [
        ("other:kill=0.1", ["one", "two"], "of no consumer here: there is one, two"),
        ("other:kill=0.1", [], "of no consumer here: there is one, which needs no name"),
        ("one:typo=0.1", ["one"], "'one:typo=0.1' is no fault"),
        ("one:kill=2", ["one"], "'one:kill=2' has no chance between 0 and 1"),
        ("kill=0.6,one:partial=0.5", ["one"], "add up to"),
    ],
)
def test_what_is_no_fault_of_a_consumer_is_told(text: str, consumers: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(text, consumers)


def test_models_are_promoted_each_so_many_seconds_only_where_it_is_said() -> None:
    assert parse(None).promote is None
    assert parse("none,promote=5s").promote == 5.0
    assert parse("promote=5s,none").promote is None
    plan = parse("kill=0.5,promote=2.5s")
    assert str(plan).endswith(",promote=2.5s")
    assert parse(str(plan)) == plan
    for text in ("promote=5", "promote=0s", "promote=soon", "promote=-1s", "promote=99999s"):
        with pytest.raises(UsageError, match=r"says no time between 0\.5 and 3600 seconds"):
            parse(text)


@pytest.mark.parametrize("seed", range(5))
def test_a_short_run_meets_every_kind(seed: int) -> None:
    assert struck(parse(None), GUARANTEED_WITHIN, seed=seed) == set(Kind)
    assert struck(parse(None), GUARANTEED_WITHIN, "PutObject", seed) >= {
        Kind.ERROR,
        Kind.RESET_AFTER,
        Kind.KILL_AFTER,
    }
    assert struck(parse(None), GUARANTEED_WITHIN, "GetObject", seed) >= {Kind.ERROR, Kind.RESET_BEFORE}


def test_the_page_tells_the_chances_and_the_kinds_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", page, re.MULTILINE)
    assert {name: float(chance) for name, chance in told} == DEFAULTS
    (table,) = re.findall(r"\| `Kind` .*?\n\n", page, re.DOTALL)
    assert all(f"`{kind}`" in table for kind in Kind)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("typo=0.1", "'typo=0.1' is no fault"),
        ("kill", "'kill' has no chance between 0 and 1"),
        ("kill=often", "'kill=often' has no chance"),
        ("kill=-1", "no chance between 0 and 1"),
        ("kill=nan", "no chance between 0 and 1"),
        ("kill=0.6,partial=0.6", "add up to"),
    ],
)
def test_what_is_no_fault_is_refused_with_the_list_of_those_there_are(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        parse(text)
    meanings = str(refused.value).splitlines()[1:]
    assert [line.split("=")[0].strip() for line in meanings] == [*DEFAULTS, "promote"]
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in meanings)
    assert "FAULTS=none,kill=0.05" in str(refused.value)


def test_the_command_that_runs_it_again_has_all_that_was_given() -> None:
    settings = Settings(task="shop.feeds", model_location="/a folder/it's", model_runtime="onnx")
    options = Options(
        plan=parse("none"), n=7, settings=settings, events="o'clock.csv", columns=ColumnNames("took", "key"),
        tolerate=0.5,
    )  # fmt: skip
    words = split(again_command(options, 3))
    assert words == [
        "make", "torture", "N=7", "SEED=3", "FAULTS=none", "EVENTS=o'clock.csv", "ACTUAL=took", "ID=key",
        "TOLERATE=0.5", "TASK=shop.feeds", "MODEL_LOCATION=/a folder/it's", "MODEL_RUNTIME=onnx",
    ]  # fmt: skip
    several = Options(plan=parse("none"), n=7, settings=Settings(), consumers="one two")
    assert split(again_command(several, 3))[-1] == "CONSUMERS=one two"


@pytest.mark.parametrize(
    ("system", "known"),
    [((), [*DEFAULTS, "promote"]), (("--system", "moderation"), system_schedule.DEFAULTS)],
    ids=["one task", "a system"],
)
@pytest.mark.parametrize(("made", "begins"), [("", "Write --faults name="), ("1", "Write FAULTS=name=")])
def test_help_lists_the_faults_and_succeeds(
    system: tuple[str, ...], known: Collection[str], made: str, begins: str
) -> None:
    done = CliRunner().invoke(app, ["torture", *system, "--faults", "help"], env={"THREEWAYS_MAKE": made})
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(begins)
    assert [line.split("=")[0].strip() for line in done.stdout.splitlines()[1:]] == list(known)
