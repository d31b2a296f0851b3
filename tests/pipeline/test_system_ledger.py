"""The ledger of a system's run, on made-up messages: what it counts, and the rules of a sound run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import typer
from lab_system.system import system as LAB  # noqa: N812 - a constant here
from rich.console import Console

from threeways.cli.event_options import end
from threeways.join.join import Counted, Decided, Key, decision_id
from threeways.local_run.ledger import Sent
from threeways.local_run.system.account import Account, Kept, Told, faults
from threeways.local_run.system.console import _show_figures
from threeways.local_run.system.declared import Judged
from threeways.local_run.system.ledger import ledger_of
from threeways.local_run.system.quality import quality_of
from threeways.local_run.system.slowness import Slowness

DEADLINE, ALLOWED = 10.0, 5.0


def decided(key: Key, revision: int = 1, at: float = 3.0, **changes: Any) -> Decided:
    made = Decided(
        id=decision_id("lab", key, revision), key=key, revision=revision, outcome="allow", facts={},
        verdicts=(Counted("one", "1", f"{key}-one"),), missing=(), expired=at >= DEADLINE, opened_at=0.0,
        due=DEADLINE, decided_at=at,
    )  # fmt: skip
    before = decision_id("lab", key, revision - 1) if revision > 1 else None
    return msgspec.structs.replace(made, **{"supersedes": before, **changes})


def told(one: Decided, kind: str = "decision", body: bytes = b"{}", at: float = 4.0) -> Told:
    return Told(kind, f"{one.id}-{kind}", one.id, one.revision, one.key, at, body)


def kept(*decisions: Decided, kinds: tuple[str, ...] = ("decision",), waits: bool = False) -> Kept:
    return Kept(
        decisions,
        frozenset({("one", f"{decisions[0].key}-one")}) if decisions else frozenset(),
        frozenset(f"{one.id}-{kind}" for one in decisions for kind in kinds),
        waits,
    )


def account(**changes: Any) -> Account:
    """Two subjects that are decided, one broken record in quarantine."""
    made = Account(
        sent={"s:1": Sent(0.0, 0), "s:2": Sent(0.0, None), "s:3": Sent(0.0, 1)},
        keys={"s:1": "a", "s:2": None, "s:3": "b"},
        told=[told(decided("a")), told(decided("b"))],
        kept={"a": kept(decided("a")), "b": kept(decided("b"))},
        verdicts={("one", "a-one"): {"v:1"}, ("one", "b-one"): {"v:2"}},
        quarantined={"s:2"},
        positions={"s": "3"},
        verdict_positions={"v": "9"},
        first="decision",
        deadline=DEADLINE,
        allowed=ALLOWED,
    )
    return replace(made, **changes)


def test_every_event_is_in_one_place_and_a_sound_run_breaks_no_rule() -> None:
    ledger = ledger_of(account(), {})
    assert (ledger.sent, ledger.decided, ledger.quarantined, ledger.pending, ledger.lost) == (3, 2, 1, 0, 0)
    assert (ledger.decisions_max, ledger.revisions, ledger.late_verdicts, ledger.broken) == (1, 0, 0, 1)
    assert ledger.sound
    assert not ledger.failed
    assert ledger.share_given_up == 0
    figures = ledger.figures("upload")
    assert figures["uploads"] == 3
    assert figures["decisions_per_upload_max"] == 1
    assert figures["deadline_s"] == {"p50": None, "p99": None, "worst": None}  # it brought none
    assert figures["decision_s"] == {"p50": 3.0, "p99": 3.0, "worst": 3.0}


def test_where_the_deadline_brought_nothing_no_line_says_so_and_no_time_is_0_ms() -> None:
    said = io.StringIO()
    _show_figures(Console(file=said, width=80), LAB, ledger_of(account(), {}), ALLOWED)
    assert "deadline" not in said.getvalue()
    _show_figures(Console(file=said, width=80), LAB, ledger_of(account(told=[], kept={}), {}), ALLOWED)
    assert "ride to decision: -; to its message: -" in said.getvalue()
    assert "0 ms" not in said.getvalue()


def test_a_second_decision_of_a_revision_makes_the_run_a_bad_one() -> None:
    other = told(decided("a"), body=b'{"outcome":"remove"}')
    broken = account(told=[*account().told, other])
    assert faults(broken) == {"two decisions of a revision": ["a"]}
    ledger = ledger_of(broken, {})
    assert ledger.decisions_max == 2
    assert ledger.failed


def test_the_same_decision_told_twice_is_a_duplicate_and_no_second_one() -> None:
    ledger = ledger_of(account(told=[*account().told, told(decided("a"), at=9.0)]), {})
    assert (ledger.duplicates, ledger.decisions_max, ledger.effects) == (1, 1, {"decision": 2})
    assert ledger.sound


def test_an_event_that_is_nowhere_is_lost() -> None:
    ledger = ledger_of(account(told=[told(decided("a"))], kept={"a": kept(decided("a"))}), {})
    assert (ledger.decided, ledger.lost) == (1, 1)
    assert ledger.failed


def test_an_event_that_the_join_has_not_read_or_not_decided_is_pending() -> None:
    unread = account(told=[told(decided("a"))], kept={"a": kept(decided("a"))}, positions={"s": "2"})
    waiting = Kept(verdicts=kept(decided("b")).verdicts, waits=True)
    undecided = account(told=[told(decided("a"))], kept={"a": kept(decided("a")), "b": waiting})
    unread = replace(unread, verdict_positions={"v": "1"})
    for one in (unread, undecided):
        ledger = ledger_of(one, {})
        assert (ledger.pending, ledger.lost) == (1, 0)
        assert ledger.failed  # it came to its end, and something waits
        assert not ledger_of(one, {}, interrupted=True).failed


def test_what_an_interrupted_run_has_decided_and_not_told_is_pending_and_has_no_outcome_yet() -> None:
    untold = account(
        told=[told(decided("a"))], kept={**account().kept, "b": replace(kept(decided("b")), waits=True)}
    )
    ledger = ledger_of(untold, {}, interrupted=True)
    assert (ledger.decided, ledger.pending, ledger.outcomes) == (1, 1, {"allow": 1})
    by_hand = account(kept={**account().kept, "c": kept(decided("c"))}, by_hand={"c"})
    assert ledger_of(by_hand, {}).outcomes == {"allow": 2}


def test_a_loss_of_an_interrupted_run_is_told_and_leaves_its_status() -> None:
    lost = account(told=[told(decided("a"))], kept={"a": kept(decided("a"))})
    ledger = ledger_of(lost, {}, interrupted=True)
    assert (ledger.lost, ledger.failed, ledger.sound) == (1, False, False)


def test_a_decision_too_long_after_its_deadline_makes_the_run_a_bad_one() -> None:
    in_time, late = decided("a", at=14.9), decided("b", at=15.1)
    kind = account(told=[told(in_time), told(late)], kept={"a": kept(in_time), "b": kept(late)})
    assert faults(kind) == {"decided too late": ["b"]}
    ledger = ledger_of(kind, {})
    assert ledger.failed
    assert (ledger.expired, ledger.deadline_s.worst) == (2, 5.1)


def test_lateness_is_judged_by_how_slow_the_machine_was_and_never_hidden() -> None:
    slow, later = decided("a", at=24.0), decided("b", at=26.0)  # 14 and 16 s past the deadline, 5 are allowed
    asked: list[tuple[float, float]] = []

    def slower(start: float, end: float) -> float:
        asked.append((start, end))
        return 3.0

    made = account(told=[told(slow), told(later)], kept={"a": kept(slow), "b": kept(later)}, slower=slower)
    assert faults(made) == {"decided too late": ["b"]}
    assert asked == [(DEADLINE, 24.0), (DEADLINE, 26.0)], "from the deadline on, and of late ones alone"
    ledger = ledger_of(made, {})
    assert (ledger.failed, ledger.late, ledger.slower) == (True, 2, 3.0)
    assert ledger.deadline_s.worst == 16.0
    told_ = io.StringIO()
    _show_figures(Console(file=told_, width=110), LAB, ledger, ALLOWED)
    words = " ".join(told_.getvalue().split())
    assert "later than 5 s after the deadline: 2. This machine ran a process up to 3.0 times slower" in words
    assert "and 1 of them are within" in words
    good = ledger_of(replace(made, allowed=6.0), {})
    assert (good.failed, good.late) == (False, 2)
    assert ledger_of(account(), {}).slower is None


def test_too_many_sound_events_that_were_given_up_end_a_system_s_run_with_status_3() -> None:
    one = account(
        quarantined={"s:1", "s:2", "v:1"}, told=[told(decided("b"))], kept={"b": kept(decided("b"))}
    )
    ledger = ledger_of(one, {})
    assert (ledger.failed, ledger.given_up, ledger.share_given_up) == (False, 1, 0.5)
    end(ledger, 0.5)
    with pytest.raises(typer.Exit) as ended:
        end(ledger, 0.49)
    assert ended.value.exit_code == 3


def test_a_machine_with_too_many_processes_is_measured_as_slower() -> None:
    began = time.time()
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4 * (os.cpu_count() or 1))
    ]
    try:
        with Slowness() as slowness:
            ends = time.monotonic() + 20
            while slowness.between(began, time.time()) < 1.5 and time.monotonic() < ends:
                time.sleep(0.1)
    finally:
        for one in busy:
            one.kill()
            one.wait()
    assert slowness.between(began, time.time()) >= 1.5
    assert slowness.between(began - 100, began - 50) == 1.0, "of which nothing is known"
    assert slowness._process.poll() is not None


def test_a_message_of_a_decision_that_never_came_makes_the_run_a_bad_one() -> None:
    missing = account(kept={**account().kept, "a": kept(decided("a"), kinds=("decision", "stop"))})
    assert faults(missing) == {"a message that never came": [f"{decided('a').id}-stop"]}


def test_a_decision_about_what_was_never_sent_is_told_unless_somebody_put_it_by_hand() -> None:
    more = {
        "told": [*account().told, told(decided("c"))],
        "kept": {**account().kept, "c": kept(decided("c"))},
    }
    assert faults(account(**more)) == {"a decision about what was never sent": ["c"]}
    assert faults(account(**more, by_hand={"c"})) == {}


def test_a_decision_that_the_table_does_not_hold_is_told() -> None:
    strange = told(decided("a", id="another"))
    assert "a decision that is not the table's" in faults(account(told=[strange, told(decided("b"))]))


def test_revisions_are_counted_and_each_names_the_one_that_it_supersedes() -> None:
    second = decided("a", 2, at=6.0, verdicts=(Counted("one", "1", "a-one"), Counted("two", "1", "a-two")))
    both = Kept(
        (decided("a"), second), frozenset({("one", "a-one"), ("two", "a-two")}),
        frozenset({f"{decided('a').id}-decision", f"{second.id}-decision"}),
    )  # fmt: skip
    revised = account(told=[*account().told, told(second)], kept={**account().kept, "a": both})
    assert faults(revised) == {}
    ledger = ledger_of(revised, {})
    assert (ledger.revisions, ledger.late_verdicts, ledger.decisions_max) == (1, 1, 1)
    stray = replace(both, decisions=(decided("a"), msgspec.structs.replace(second, supersedes="x")))
    assert faults(replace(revised, kept={**account().kept, "a": stray})) == {"revisions out of line": ["a"]}


def test_a_verdict_that_nobody_kept_or_gave_up_makes_the_run_a_bad_one() -> None:
    more = {**account().verdicts, ("two", "a-two"): {"v:9"}}
    assert faults(account(verdicts=more)) == {"a verdict without a trace": [("two", "a-two")]}
    assert faults(account(verdicts=more, quarantined={"s:2", "v:9"})) == {}


def test_a_sound_event_in_quarantine_counts_as_given_up() -> None:
    given_up = account(
        quarantined={"s:2", "s:3"}, told=[told(decided("a"))], kept={"a": kept(decided("a"))}, verdicts={}
    )
    ledger = ledger_of(given_up, {})
    assert (ledger.quarantined, ledger.given_up, ledger.share_given_up) == (2, 1, 0.5)


def test_quality_is_precision_recall_and_the_area_under_the_curve() -> None:
    pairs = [(Judged(True, 0.9), True), (Judged(True, 0.8), False), (Judged(False, 0.3), True),
             (Judged(False, 0.3), False), (Judged(False, 0.1), False)]  # fmt: skip
    found = quality_of(pairs)
    assert (found.precision, found.recall, found.judged, found.true) == (0.5, 0.5, 5, 2)
    assert found.auc == pytest.approx((3 + 1.5) / 6)  # of six pairs: three, and one more with a tie
    assert quality_of([]).auc is None
    assert quality_of([(Judged(False, 0.1), False)]).precision is None
