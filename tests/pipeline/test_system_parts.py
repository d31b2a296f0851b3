"""Parts of a system's run by themselves: its pace, what disturbs verdicts, what reads decisions."""

from __future__ import annotations

import io
import itertools
import json
import re
import threading
import time
import uuid
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from lab_system.system import system as LAB  # noqa: N812 - a constant here
from rich.console import Console
from test_pipeline_console import VIEW

from threeways.aws.kinesis import read_all
from threeways.chaos.relay import Disturbance, Relay
from threeways.emulator.server import Emulator
from threeways.local_run.ledger import Sent
from threeways.local_run.producer import Outgoing
from threeways.local_run.system.console import _show_explained, system_screen
from threeways.local_run.system.pacing import FEWEST, MOST, Pace, PacedProducer
from threeways.local_run.system.reading import Decisions, VerdictReader
from threeways.local_run.system.running import Options
from threeways.local_run.system.session import Session, SystemView, _key_in
from threeways.local_run.waiting import Waiting


def test_the_pace_begins_with_few_and_follows_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now, done = [0.0], [0]
    monkeypatch.setattr("threeways.local_run.system.pacing.time.monotonic", lambda: now[0])
    pace = Pace(lambda: done[0], seconds=6)
    assert pace.room(0) == FEWEST
    assert pace.room(FEWEST) == 0
    now[0], done[0] = 4.0, 80  # 20 a second: what is done in six seconds may be on its way
    assert pace.room(80) == 120
    now[0], done[0] = 8.0, 80_000
    assert pace.room(80_000) == MOST
    now[0] = 20.0  # nothing is done any more
    pace.room(80_000)
    now[0] = 24.0
    assert pace.room(80_000 + FEWEST) == 0


@pytest.fixture
def streams(emulator: Emulator) -> tuple[str, str]:
    names = (f"from-{uuid.uuid4().hex}", f"to-{uuid.uuid4().hex}")
    for name in names:
        emulator.client("kinesis").create_stream(StreamName=name, ShardCount=1)
        emulator.client("kinesis").get_waiter("stream_exists").wait(
            StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    return names


def test_a_relay_puts_each_record_at_least_once_some_twice_and_some_later(
    emulator: Emulator, streams: tuple[str, str]
) -> None:
    kinesis, (source, target) = emulator.client("kinesis"), streams
    sent = [str(number).encode() for number in range(200)]
    kinesis.put_records(StreamName=source, Records=[{"Data": one, "PartitionKey": "key"} for one in sent])
    relay = Relay(kinesis, source, target, Disturbance(0.2, 0.3, 0.1, 0.3, 0.5), seed=1)
    relay.start()
    until = time.monotonic() + 30
    while not (relay.idle() and relay.counts) and time.monotonic() < until:
        time.sleep(0.05)
    relay.stop()
    read = read_all(kinesis, target)
    assert set(read) == set(sent)
    assert len(read) == len(sent) + relay.counts["verdicts duplicated"]
    assert all(relay.counts[f"verdicts {what}"] > 5 for what in ("duplicated", "reordered", "late"))
    assert list(dict.fromkeys(read)) != sent


def test_after_ctrl_c_no_more_is_put_and_what_was_put_is_waited_for(
    emulator: Emulator, streams: tuple[str, str]
) -> None:
    stopping, said = threading.Event(), io.StringIO()
    looks: list[int] = []
    endless = (Outgoing(str(number), b"{}", number) for number in itertools.count())

    class Watched(Session):
        """A session whose join takes two looks to decide what was put."""

        def __post_init__(self) -> None:
            self.producer = PacedProducer(
                emulator.client("kinesis"), streams[0], endless, 200.0, pace=Pace(lambda: 0, 1.0)
            )
            self.reader = VerdictReader(emulator.client("kinesis"), streams[1], ())
            self.decisions = Decisions(emulator.client("kinesis"), streams[1], ("told",), "order")

        def view(self) -> SystemView:
            return VIEW  # type: ignore[return-value]

        def _finished(self) -> bool:
            return len(looks) >= 4

    session = Watched(
        SimpleNamespace(emulator=emulator, prepared=SimpleNamespace(system=LAB, deadline=8.0)),  # type: ignore[arg-type]
        Options(n=1, name="lab", system=LAB),
    )

    def look(_view: SystemView) -> None:
        looks.append(len(session.producer.sent))
        if session.producer.sent and not stopping.is_set():
            stopping.set()

    session.producer.start()
    session.watch(stopping, look, Console(file=said, width=300))
    assert len(looks) >= 4
    assert not session.producer.is_alive()
    assert looks[-1] == looks[-2] == len(session.producer.sent) > 0
    assert f"the {looks[-1]} rides that were are waited for" in said.getvalue()


def test_decisions_are_collected_by_their_kinds_and_repeated_ones_count_once(
    emulator: Emulator, streams: tuple[str, str]
) -> None:
    kinesis, (_, target) = emulator.client("kinesis"), streams

    def message(kind: str, key: str, revision: int = 1, outcome: str = "keep") -> bytes:
        told = {"message": kind, "id": f"{key}-{revision}-{kind}", "decision": f"{key}-{revision}",
                "revision": revision, "order": key, "outcome": outcome}  # fmt: skip
        return json.dumps(told).encode()

    found = Decisions(kinesis, target, ("told", "stop"), "order")
    put = [message("told", "a"), message("stop", "a"), message("told", "a"),
           message("told", "a", 2, "drop"), message("told", "a"), message("other", "b"),
           message("told", "b")]  # fmt: skip
    kinesis.put_records(StreamName=target, Records=[{"Data": one, "PartitionKey": "k"} for one in put])
    found.start()
    found.stop()
    assert sorted(one.kind for one in found.told) == ["stop", "told", "told", "told", "told", "told"]
    assert (found.revisions, sorted(found.decided)) == (1, ["a", "b"])
    assert found.outcomes == {"drop": 1, "keep": 1}  # each by its last revision
    assert {kind: len(ids) for kind, ids in found.ids.items()} == {"told": 3, "stop": 1}


def test_the_iterator_age_is_that_of_the_oldest_event_that_waits_and_0_where_none_does() -> None:
    now, waiting = time.time(), Waiting()
    sent = {"s:1": Sent(now - 9, 0), "t:2": Sent(now - 5, 1), "s:3": Sent(now - 1, 2)}
    assert waiting.age(sent, {}) == pytest.approx(9, abs=0.5)
    assert waiting.age(sent, {"s": "3", "t": None}) == pytest.approx(5, abs=0.5)
    assert waiting.age(sent, {"s": "1", "t": "2"}) == pytest.approx(1, abs=0.5)
    assert waiting.age(sent, {"s": "3", "t": "2"}) == 0
    sent["t:4"] = Sent(now - 0.5, 3)
    assert waiting.age(sent, {"s": "3", "t": "2"}) == pytest.approx(0.5, abs=0.4)


def test_a_live_line_is_no_longer_than_100_columns() -> None:
    said = io.StringIO()
    view = SystemView(
        elapsed=61.0, total=500, sent=500, views={"b": replace(VIEW, iterator_age=0.0)},
        decided={"allow": 300, "remove": 80, "review": 100}, revisions=12, verdicts=2_000, quarantined=5,
        effects={},
    )  # fmt: skip
    with system_screen(Console(file=said, width=80)) as show:
        show(view)
    lines = said.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert " ".join(said.getvalue().split()) == (
        "61.0 s sent 500/500 verdicts 2,000 decided 480 (allow 300, remove 80, review 100) revised 12 "
        "quarantined 5 age 0 ms"
    )


def test_a_decision_is_explained_in_lines_of_80_columns() -> None:
    said, told = io.StringIO(), f"one: score 0.5 (model version {'0a' * 16}); " * 8
    made = replace(LAB, explained=lambda _: ["short", told])
    result: Any = SimpleNamespace(decisions=SimpleNamespace(recent=[{"outcome": "keep"}]))
    _show_explained(Console(file=said, width=80), made, result)
    assert max(map(len, said.getvalue().splitlines())) <= 80
    assert told.split() == said.getvalue().split()[-len(told.split()) :]


def test_the_live_screen_fits_a_terminal_of_80_columns() -> None:
    said = io.StringIO()
    counts = {"allow": 1_234_567, "remove": 98_765, "review": 12_345}
    view = SystemView(
        elapsed=61.0, total=2_000_000, sent=1_999_999, views={"a_long_name_for_a_consumer": VIEW, "b": VIEW},
        decided=counts, revisions=12_345, verdicts=7_999_996, quarantined=10_000,
        effects={"decision": 1_345_677, "notification": 1_345_677, "stop_upload": 98_765},
    )  # fmt: skip
    with system_screen(Console(file=said, force_terminal=True, width=80, no_color=True)) as show:
        show(view)
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line) for line in said.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    text = " ".join(lines)
    for number in ("1,345,677", "7,999,996", "allow 1,234,567"):
        assert number in text


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b'{"id": 7}', 7),
        (b'{"id": "x", "more": [1]}', "x"),
        (b'{"id": 7.5}', None),
        (b'{"id": true}', None),
        (b'{"other": 7}', None),
        (b"[7]", None),
        (b'{"id": 7', None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_a_broken_record_names_a_key_or_none(data: bytes, key: int | str | None) -> None:
    assert _key_in(data, "id") == key
