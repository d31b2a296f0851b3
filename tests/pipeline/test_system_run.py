"""`make run SYSTEM=`: a system's consumers and its join on one machine, and what cannot be run."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from consumers_lab import tip_model
from lab_system.system import system as LAB  # noqa: N812 - a constant here
from rich.console import Console
from small_training import Training

from threeways import project
from threeways.chaos.befallen import by_part
from threeways.chaos.system_schedule import DEFAULTS, parse
from threeways.chaos.system_torture import Options as TortureOptions
from threeways.chaos.system_torture import again_command, torture_system
from threeways.cli.event_options import end
from threeways.emulator.faults import Kind
from threeways.emulator.server import Emulator
from threeways.errors import SettingsError, UsageError
from threeways.local_run.system import declared
from threeways.local_run.system.join_stack import RunningJoin
from threeways.local_run.system.pipeline import _figures, run_system
from threeways.local_run.system.running import Options, review_command
from threeways.local_run.system.session import Session
from threeways.local_run.watch import snapshot
from threeways.ops.review import Reviews, located
from threeways.settings import Settings
from threeways.training.registry import RegisteredModel

pytestmark = pytest.mark.exhaustive

type Find = Callable[[Settings], RegisteredModel]


@pytest.fixture
def find(training: Training, tmp_path: Path) -> Find:
    duration = training.report.model
    models = {"ride_duration": duration, "ride_tip": tip_model(duration, tmp_path / "tip")}
    return lambda settings: models[settings.task or ""]


def options(**changes: object) -> Options:
    made = Options(name="lab_system.system", system=LAB, n=60, poison=0.1, minute=5.0)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.exhaustive
def test_each_event_of_a_system_has_one_decision_with_its_messages_or_is_in_quarantine(
    find: Find, tmp_path: Path
) -> None:
    said = io.StringIO()
    ledger = run_system(options(), find, Console(file=said, width=80), tmp_path)
    assert ledger.sound, said.getvalue()
    assert (ledger.sent, ledger.broken, ledger.lost, ledger.pending) == (60, 6, 0, 0)
    assert ledger.decided + ledger.quarantined == 60
    assert ledger.decided >= 54
    assert ledger.decisions_max == 1
    assert ledger.effects["told"] >= 54
    written = json.loads((tmp_path / "last-system.json").read_text())
    assert (written["rides"], written["decided"], written["lost"]) == (60, ledger.decided, 0)
    run = json.loads((tmp_path / "last-run.json").read_text())
    assert (run["sent"], run["lost"], sorted(run["consumers"])) == (60, 0, ["ride_duration", "ride_tip"])
    assert run["consumers"]["ride_tip"]["model_uri"] == find(Settings(task="ride_tip")).uri
    found = snapshot.newest(tmp_path / "runs")
    assert found is not None
    assert found[1].ended
    assert found[1].join is not None
    assert sum(found[1].join.outcomes.values()) == ledger.decided
    end(ledger, 0.05)
    assert "Every ride has exactly one decision a revision; lost 0" in said.getvalue()
    assert max(map(len, said.getvalue().splitlines())) < 400


@pytest.mark.exhaustive
def test_rules_that_raise_for_certain_values_are_told_with_the_first_and_leave_the_rest_decided(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeways.local_run.system.session.PATIENCE", 3.0)
    said = io.StringIO()
    picky = replace(LAB, join="lab_system.picky")
    ledger = run_system(
        options(system=picky, n=20, poison=0.0, minute=2.0), find, Console(file=said, width=100), tmp_path
    )
    assert (ledger.sent, ledger.lost, ledger.quarantined) == (20, 0, 0)
    assert 0 < ledger.pending < 20
    assert ledger.decided == 20 - ledger.pending
    assert ledger.failed
    words = " ".join(said.getvalue().split())
    assert re.search(r"rules failed \d+", words), words
    found = re.search(r"decide or effects raised [0-9,]+ times, first: (.*?) \((\S+\.log)\)", words)
    assert found, words
    assert "decide raised ValueError('three is not supported')" in found[1]
    assert "three is not supported" in Path(found[2]).read_text()


@pytest.mark.exhaustive
def test_an_interrupted_run_decides_all_that_was_sent_and_ends_with_status_130(
    find: Find, tmp_path: Path
) -> None:
    said = io.StringIO()
    real = Session.start

    def start(session: Session) -> None:
        real(session)
        threading.Thread(target=interrupt, args=(session,), daemon=True).start()

    def interrupt(session: Session) -> None:
        while len(session.producer.sent) < 30:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Session, "start", start)
        ledger = run_system(options(n=100_000, rate=50), find, Console(file=said, width=80), tmp_path)
    assert 30 <= ledger.sent < 100_000
    assert (ledger.interrupted, ledger.pending, ledger.lost, ledger.faults) == (True, 0, 0, {})
    assert sum(ledger.outcomes.values()) == ledger.decided
    assert f"Interrupted after {ledger.sent} rides: none is undecided" in said.getvalue()
    with pytest.raises(typer.Exit) as ended:
        end(ledger, 0.05)
    assert ended.value.exit_code == 130


@pytest.mark.exhaustive
def test_under_every_fault_each_event_still_has_one_decision(find: Find, tmp_path: Path) -> None:
    said = io.StringIO()
    given = TortureOptions(
        name="lab_system.system", system=LAB, n=150, seed=7, plan=parse(None), tolerate=0.05
    )
    ledger = torture_system(given, find, Console(file=said, width=80), tmp_path)
    assert ledger.sound, said.getvalue()
    assert ledger.decided + ledger.quarantined == ledger.sent == 150
    assert ledger.expired > 10  # one consumer says nothing for the last third
    written = json.loads((tmp_path / "torture.json").read_text())
    assert (written["seed"], written["sent"], written["lost"]) == (7, 150, 0)
    assert any(name.startswith("consumers: killed in a call") for name in written["struck"])
    assert written["struck"]["streams: shards split or merged"] == DEFAULTS["reshard"]
    assert not [name for name in written["struck"] if ": " not in name]
    assert "says nothing from here on" in said.getvalue()
    assert "Again: make torture SYSTEM=lab_system.system N=150 SEED=7" in said.getvalue()


def test_a_consumers_account_names_its_model_and_nothing_of_another_system(tmp_path: Path) -> None:
    from test_pipeline_console import result

    from threeways.local_run.result import ledger_of

    figures = _figures(ledger_of(result(tmp_path)))
    assert not [name for name in figures if "ride" in name]
    assert {"predictions_per_s", "rmse_events", "given_up"} <= figures.keys()


def test_what_befell_a_part_is_named_by_the_part_and_counted_once() -> None:
    counts = {"partial": 4, "partial_failures": 5, "error": 30, "kill_after": 2, "throttled": 0}
    assert by_part("the join's joiner", counts, refused=28) == {
        "the join's joiner: PutRecords of which a part was not stored": 5,
        "the join's joiner: calls failed with HTTP 500": 2,
        "the join's joiner: calls while the queue was down": 28,
        "the join's joiner: killed in a call, after it was handled": 2,
    }
    known = {*Kind, "partial_failures", "unreachable", "outage"} - {Kind.PARTIAL}
    assert all(by_part("consumers", {name: 1}, 0).total() == 1 for name in known)


def test_the_command_to_review_meanwhile_lists_what_waits_in_the_runs_table(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "join").mkdir()
    with RunningJoin(
        tmp_path / "join", Console(file=io.StringIO()), emulator=emulator, join="moderation",
        name=f"review-{tmp_path.name}", variables={},
    ) as join:  # fmt: skip
        words = shlex.split(review_command(declared.find("moderation"), join))
        assert words[3:5] == ["make", "review"]
        given = dict(word.split("=", 1) for word in words if "=" in word)
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, given[name])
        reviews = Reviews(located(given["JOIN"], None, given["TABLE"], given["VERDICTS"], given["REGION"]))
        assert not reviews.is_real
        assert reviews.waiting(5) == ([], False)


def test_a_system_is_found_by_its_folder_or_its_module() -> None:
    assert declared.find("lab_system.system") is LAB
    assert declared.find("moderation").join == "moderation"
    assert declared.find("taxi").join is None
    assert {"moderation", "taxi"} <= set(declared.names())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nosuch", "is not a system that can be run; there is"),
        ("moderation,taxi", "is not a system that can be run; there is"),
        ("lab_system.nowhere", "cannot be imported"),
        ("lab_system.both", "holds no System"),
    ],
)
def test_what_is_no_system_is_told_in_one_line(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as error:
        declared.find(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--system", "nosuch"], "is not a system that can be run"),
        (["run", "--system", "moderation", "--n", "0"], "is all of a file"),
        (["run", "--system", "moderation", "--events", "x.csv"], "leave out --events"),
        (["run", "--system", "moderation", "--pause", "nobody@1s-2s"], "--pause names nobody"),
        (["torture", "--system", "moderation", "--consumers", "nsfw"], "leave out --consumers"),
        (["torture", "--system", "moderation", "--faults", "flood=1"], "'flood=1' is no fault"),
    ],
)
@pytest.mark.exhaustive
def test_bad_input_ends_in_one_clear_line_and_status_2(arguments: list[str], told: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "threeways", *arguments], cwd=project.ROOT, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 2
    assert told in ended.stderr


def test_a_model_that_is_named_is_refused_for_each_task_has_its_own(find: Find, tmp_path: Path) -> None:
    given = options(settings=Settings(model_location="models:/ride-tip@champion"))
    with pytest.raises(UsageError, match="MODEL_LOCATION cannot be honoured"):
        run_system(given, find, Console(file=io.StringIO()), tmp_path)


def test_a_join_that_names_no_messages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab_system.system.system", replace(LAB, effects=()))
    with pytest.raises(SettingsError, match="no `effects`"):
        declared.find("lab_system.system")


def test_faults_are_named_with_their_chances_and_the_command_repeats_a_torture() -> None:
    plan = parse("none,late=0.5,reshard=2")
    assert str(plan) == "none,late=0.5,reshard=2"
    assert str(parse(str(plan))) == str(plan)
    assert parse(None).chances == dict(DEFAULTS)
    given = TortureOptions(name="moderation", system=LAB, n=20, seed=3, plan=plan)
    assert again_command(given) == "make torture SYSTEM=moderation N=20 SEED=3 FAULTS=none,late=0.5,reshard=2"


@pytest.mark.parametrize("faults", ["flood=1", "late=2", "late=", "reshard=101", "late=nan"])
def test_a_fault_that_is_none_is_refused_with_all_that_there_are(faults: str) -> None:
    with pytest.raises(UsageError, match="These there are, with their defaults") as error:
        parse(faults)
    assert "publisher=" in str(error.value)


def test_the_exit_status_of_a_broken_rule_is_1_and_of_an_interrupted_run_130(find: Find) -> None:
    from test_system_ledger import account, decided, told

    from threeways.local_run.system.ledger import ledger_of

    twice = ledger_of(account(told=[*account().told, told(decided("a"), body=b"[]")]), {})
    stopped = ledger_of(account(), {}, interrupted=True)
    both = ledger_of(account(told=[*account().told, told(decided("a"), body=b"[]")]), {}, interrupted=True)
    for ledger, status in ((twice, 1), (stopped, 130), (both, 130)):
        with pytest.raises(typer.Exit) as ended:
            end(ledger, 0.05)
        assert ended.value.exit_code == status
