"""What a person sees of a run on a narrow terminal: no number is cut; reasons of one kind are one."""

from __future__ import annotations

import io
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import typer
from events_lab import DURATION, workload
from replay_lab import lines
from rich.console import Console, Group
from test_pipeline_quarantine import because

from threeways.chaos.ledger import TortureLedger
from threeways.chaos.torture import befallen
from threeways.cli.event_options import end
from threeways.local_run import console as module
from threeways.local_run.ledger import Account, Ledger, Received, Sent
from threeways.local_run.progress import View
from threeways.local_run.result import Result, ledger_of
from threeways.local_run.stack import ReadBack
from threeways.ops.quarantine import Reader
from threeways.scoring.decoding import reason_kind
from threeways.scoring.outputs import Value
from threeways.scoring.task import Task
from threeways.systems.taxi.tip import task as TIP  # noqa: N812 - it never changes

VIEW = View(
    elapsed=128.4, total=20_000, sent=19_876, back=18_765, per_second=4_321, latency_p50=128.7,
    latency_p99=1_234.5, retries=9_876, quarantined=1_234, iterator_age=3_600.2, batches=5_432,
    redelivered=7_654,
)  # fmt: skip
NUMBERS = (
    *("19,876", "18,765", "4,321", "128 s", "128.7 s", "1234.5 s", "9,876", "1,234", "3600.2 s", "5,432"),
    *("7,654", "19,999 of 20,000"),
)
REASONS = {
    ("undecodable", "JSON is malformed: invalid character (byte 24)"): 3,
    ("undecodable", "JSON is malformed: invalid character (byte 7)"): 4,
    ("invalid_event", "Object missing required field `ride_id` - at `$`"): 2,
}


def result(
    folder: Path, reasons: Counter[tuple[str, str]] | None = None, task: Task[Any] = DURATION, **known: Any
) -> Result:
    """A run of 20 rides and one broken record: three of the rides in quarantine."""
    events = replace(workload(20).events, **known)
    sent = {f"shardId-0:{n}": Sent(1.0, n) for n in range(20)} | {"shardId-0:20": Sent(1.0, None)}
    predictions = {event_id: Received(12.5, 2.0) for event_id in list(sent)[:17]}
    gone = frozenset(sent) - predictions.keys()
    account = Account(sent, predictions, 0, gone, (), {})
    back = ReadBack(gone, frozenset(), Counter() if reasons is None else reasons, folder)
    return Result(task, events, account, back, 3, 0.5, "a-version")


def printed(width: int, show: Any) -> str:
    out = io.StringIO()
    show(Console(file=out, width=width))
    rows = [line.rstrip() for line in out.getvalue().splitlines() if line.startswith("│")]
    assert all(row.endswith("│") for row in rows)  # or the table is cut off
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_number_of_the_live_view_is_cut(width: int) -> None:
    said = printed(width, lambda console: console.print(Group(module._bar(VIEW), module._numbers(VIEW))))
    for number in NUMBERS:
        assert number in said
    assert "…" not in said


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_ledger_and_its_reasons_can_be_read_on_a_narrow_terminal(width: int, tmp_path: Path) -> None:
    made = result(tmp_path, Counter(REASONS))
    said = printed(width, lambda console: module.show_ledger(console, ledger_of(made), made))
    for row in ("│ sent", "│ predicted", "│ quarantined", "from", "12.5"):
        assert row in said
    plain = " ".join(said.replace("│", " ").split())
    assert "7 undecodable: JSON is malformed" in plain
    assert "byte 24" not in plain
    assert "2 invalid_event: Object" in plain


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_quarantine_s_overview_can_be_read_and_groups_reasons(width: int, tmp_path: Path) -> None:
    entries = [
        because(n, "undecodable", f"JSON is malformed: invalid character (byte {n})") for n in range(50)
    ]
    (tmp_path / "a.jsonl").write_bytes(lines(entries))
    said = printed(width, lambda console: Reader(str(tmp_path), console).overview())
    assert said.count("undecodable") == 2  # by reason, and by hour
    for part in ("50", "2026-03-01 13:15", "malformed", "…"):
        assert part in said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("JSON is malformed: invalid character (byte 1)", "JSON is malformed: invalid character (byte 93)"),
        (
            "'utf-8' codec can't decode byte 0xff in position 3: invalid start byte",
            "'utf-8' codec can't decode byte 0xff in position 40: invalid start byte",
        ),
        (
            "'utf-8' codec can't decode bytes in position 3-4: invalid continuation byte",
            "'utf-8' codec can't decode bytes in position 7-9: invalid continuation byte",
        ),
        ("it is nested too deeply, within 900 bytes", "it is nested too deeply, within 20000 bytes"),
        (
            "`yesterday` is not an ISO 8601 date and time (no date) - at `$.ride.pickup_datetime`",
            "`1612185300000` is not an ISO 8601 date and time (month 61) - at `$.ride.pickup_datetime`",
        ),
    ],
)
def test_reasons_that_differ_by_where_or_by_the_value_are_of_one_kind(one: str, other: str) -> None:
    assert reason_kind(one) == reason_kind(other) != one


@pytest.mark.parametrize(
    "message",
    [
        "Expected `str` of length <= 256 in UTF-16 - at `$.ride_id`",
        "Expected `int` >= -2147483648 - at `$.ride.PULocationID`",
        "`null` found",
    ],
)
def test_other_numbers_in_a_reason_are_kept(message: str) -> None:
    assert reason_kind(message) == message


def test_rides_given_up_are_counted_without_what_was_broken_on_purpose(tmp_path: Path) -> None:
    ledger = ledger_of(result(tmp_path))
    assert (ledger.sent, ledger.quarantined, ledger.broken, ledger.rides_given_up) == (21, 4, 1, 3)
    assert ledger.share_given_up == 3 / 20
    said = printed(80, lambda console: module.show_share(console, ledger, 0.05))
    assert "Given up: 3 of 20 events" in said
    assert printed(80, lambda console: module.show_share(console, ledger, 0.15)) == ""


def test_a_run_of_broken_records_alone_has_given_up_no_ride() -> None:
    counts: Any = dict.fromkeys(Ledger.__struct_fields__, 0)
    ledger = Ledger(**{**counts, "sent": 9, "quarantined": 9, "broken": 9})
    assert (ledger.share_given_up, ledger.failed) == (0, False)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 0),
        ({"lost": 1}, 1),
        ({"lost": 1, "interrupted": True}, 1),
        ({"order_violations": 1}, 1),
        ({"order_violations": 1, "interrupted": True}, 1),
        ({"duplicates_with_new_id": 1}, 1),
        ({"pending": 5}, 1),
        ({"pending": 5, "interrupted": True}, 130),
        ({"rides_given_up": 6}, 3),
        ({"rides_given_up": 5}, 0),
        ({"rides_given_up": 50, "interrupted": True}, 130),
    ],
)
def test_the_exit_status_is_what_the_ledger_says(changes: dict[str, Any], status: int) -> None:
    counts: Any = dict.fromkeys(TortureLedger.__struct_fields__, 0)
    ledger = TortureLedger(**{**counts, "sent": 100, **changes})
    with pytest.raises(typer.Exit) if status else nullcontext() as found:
        end(ledger, 0.05)
    assert (found.value.exit_code if found else 0) == status


def test_what_befell_a_torture_is_named_by_the_part_and_counted_once() -> None:
    counts: Any = dict.fromkeys(TortureLedger.__struct_fields__, 0)
    struck = {"kill_before": 2, "partial": 3, "partial_failures": 4, "outage": 1}
    made = TortureLedger(**{**counts, "kills": 4, "reshards": 8, "partial_failures": 4, "struck": struck})
    assert befallen(made) == {
        "function: PutRecords of which a part was not stored": 4,
        "function: killed in a call, before it was handled": 2,
        "function: outages begun": 1,
        "streams: shards split or merged": 8,
    }


@pytest.mark.parametrize(("pending", "left"), [(0, "none is left"), (1_234, "1,234 are left")])
def test_an_interrupted_run_says_how_many_were_sent_and_are_left(
    pending: int, left: str, tmp_path: Path
) -> None:
    made = result(tmp_path)
    whole = ledger_of(made)
    assert "Interrupted" not in printed(80, lambda console: module.show_ledger(console, whole, made))
    ledger = msgspec.structs.replace(whole, sent=2_000, pending=pending, interrupted=True)
    said = printed(80, lambda console: module.show_ledger(console, ledger, made))
    assert f"Interrupted after 2,000 events: {left} on the stream" in said


def test_predictions_whose_truth_is_unknown_are_compared_with_nothing(tmp_path: Path) -> None:
    made = result(tmp_path, task=TIP, truth=np.full(20, np.nan))
    assert made.pairs == []
    assert len(made.predicted()) > 0
    assert ledger_of(made).rmse is None
    said = printed(80, lambda console: module.show_ledger(console, ledger_of(made), made))
    assert "A few of the predictions, in USD" in said
    assert "true" not in said
    assert "RMSE" not in said


def test_the_error_is_in_the_output_s_own_unit_over_the_events_that_training_keeps(tmp_path: Path) -> None:
    truth, counted = np.full(20, 10.0), np.arange(20) < 5
    truth[0] = np.nan
    made = result(tmp_path, task=TIP, truth=truth, counted=counted)
    said = printed(80, lambda console: module.show_ledger(console, ledger_of(made), made))
    assert "RMSE 2.5 USD over the 4 events that training keeps" in said
    assert (ledger_of(made).rmse, ledger_of(made).rmse_rides) == (2.5, 4)


def test_the_error_of_a_task_without_a_truth_or_a_unit_is_told_plainly(tmp_path: Path) -> None:
    bare = replace(DURATION, truth=None, output=Value("days"))
    made = result(tmp_path, task=bare, truth=np.full(20, 10.0), counted=np.ones(20, dtype=np.bool_))
    said = printed(80, lambda console: module.show_ledger(console, ledger_of(made), made))
    assert "RMSE 2.5 over the 17 events whose truth is known" in said
    assert "A few of the predictions of days" in said


def test_the_predictions_that_are_shown_have_one_of_a_rare_truth(tmp_path: Path) -> None:
    truth = np.full(20, 10.0)
    truth[14] = 77.0
    made = result(tmp_path, task=TIP, truth=truth, counted=np.ones(20, dtype=np.bool_))
    shown = printed(80, lambda console: module._show_examples(console, made))
    assert len(shown.splitlines()) - 5 == module.EXAMPLES
    assert shown.count("77.0") == 1
    truth[14] = 10.0
    assert len(module._examples(made.predicted(), dict(enumerate(truth)))) == module.EXAMPLES
    assert len(module._examples(made.predicted(), {})) == module.EXAMPLES


@pytest.mark.parametrize("width", [40, 80, 200])
def test_long_names_and_odd_values_of_any_event_stay_within_the_table(width: int, tmp_path: Path) -> None:
    labels = {f"the_{n}_of_several_long_field_names": f"[red]value {n}[/] beyond" for n in range(4)}
    made = result(tmp_path, labels=lambda _: labels)
    said = printed(width, lambda console: module.show_ledger(console, ledger_of(made), made))
    assert "predicted" in said
    assert "[red]" in said
    if width == 200:
        assert all(name in said for name in labels)


@pytest.mark.parametrize(
    ("value", "shown"), [(123.456, "123.5"), (12.5, "12.5"), (1.25, "1.25"), (0.125, "0.1250")]
)
def test_small_predictions_are_shown_with_more_digits(value: float, shown: str, tmp_path: Path) -> None:
    made = result(tmp_path)
    predictions = dict.fromkeys(made.account.predictions, Received(value, 2.0))
    made = replace(made, account=replace(made.account, predictions=predictions))
    said = printed(80, lambda console: module.show_ledger(console, ledger_of(made), made))
    assert f" {shown} " in said


def test_a_run_whose_every_truth_is_beyond_what_training_keeps_says_why_there_is_no_error(
    tmp_path: Path,
) -> None:
    made = result(tmp_path, truth=np.full(20, -5.0), counted=np.zeros(20, bool))
    said = printed(200, lambda console: module.show_ledger(console, ledger_of(made), made))
    assert "no RMSE" in said
    assert "20 of 20 are not within 1 to 60 minutes" in said
