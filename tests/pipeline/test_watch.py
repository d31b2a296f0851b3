"""The page of a run: its state in a file, and a server that nobody from elsewhere can use."""

from __future__ import annotations

import http.client
import io
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from rich.console import Console
from small_training import Training

from threeways.aws import clients
from threeways.errors import LocalError
from threeways.local_run import pipeline
from threeways.local_run.collector import Collector
from threeways.local_run.pipeline import Options
from threeways.local_run.watch import by_hand, snapshot
from threeways.local_run.watch.server import LARGEST_EVENT, WatchServer, watched
from threeways.local_run.watch.snapshot import Consumer, Shard, Snapshot
from threeways.scoring import tasks

GONE = 2**22 + 1
"""A process id beyond Linux's largest."""


def state(**changes: Any) -> Snapshot:
    made = Snapshot(
        pid=os.getpid(), endpoint="http://127.0.0.1:1", region="us-east-1", serving={}, example={"ride": {}},
        id_name="ride_id", elapsed_s=1.0, total=2, sent=1, input_stream="events",
        shards=[Shard("shardId-000000000000", 1)], consumers=[Consumer(name="one", predicted=1)],
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def a_run(runs: Path, name: str, **changes: Any) -> Path:
    folder = runs / name
    folder.mkdir(parents=True)
    snapshot.write(folder, state(**changes))
    return folder


@contextmanager
def page(runs: Path) -> Iterator[Callable[..., tuple[int, dict[str, str], bytes]]]:
    """Give what asks the page's server: method, path, body, headers; the status, headers and body."""
    with WatchServer(runs) as server:
        address = server.url.removeprefix("http://")

        def ask(
            method: str, path: str, body: bytes = b"", **headers: str
        ) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(address, timeout=10)
            connection.request(method, path, body or None, {"Host": address, **headers})
            answer = connection.getresponse()
            told = dict(answer.getheaders())
            found = answer.fp.readline() if answer.length is None else answer.read()
            connection.close()
            return answer.status, told, found

        yield ask


def test_the_newest_run_that_goes_on_is_shown_else_the_newest(tmp_path: Path) -> None:
    assert snapshot.newest(tmp_path) is None
    assert snapshot.newest(tmp_path / "nowhere") is None
    ended = a_run(tmp_path, "3-ended", ended=True)
    (tmp_path / "4-none-yet").mkdir()
    a_run(tmp_path, "5-killed", pid=GONE)
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert found[0].name == "5-killed"
    going_on = a_run(tmp_path, "1-goes-on")
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert found[0] == going_on
    assert snapshot.read(ended) == state(ended=True)


def test_a_state_that_cannot_be_written_or_read_stops_nothing(tmp_path: Path) -> None:
    snapshot.write(tmp_path / "gone", state())
    (tmp_path / snapshot.FILE).write_bytes(b'{"pid": 1')
    assert snapshot.read(tmp_path) is None


class Pages:
    """A Kinesis whose one shard has these records."""

    def __init__(self, records: list[bytes]) -> None:
        self._records = records

    def get_paginator(self, _: str) -> Any:
        listed = {"Shards": [{"ShardId": "shardId-0", "SequenceNumberRange": {}}]}
        return SimpleNamespace(paginate=lambda **_: [listed])

    def get_shard_iterator(self, **_: Any) -> dict[str, str]:
        return {"ShardIterator": "next"}

    def get_records(self, **_: Any) -> dict[str, Any]:
        stored = [
            {"Data": data, "SequenceNumber": str(n), "ApproximateArrivalTimestamp": datetime.now(UTC)}
            for n, data in enumerate(self._records)
        ]
        return {"Records": stored, "MillisBehindLatest": 0}


def test_a_prediction_is_recent_once_it_can_be_looked_up() -> None:
    """The state is written while the collector's thread goes on, between any two of its steps."""

    class Recent(deque[tuple[str, float]]):
        def append(self, one: tuple[str, float]) -> None:
            assert one[0] in collector.predictions
            super().append(one)

    plain = {"prediction": {"ride_id": 1, "ride_duration": 2.0}, "version": "v"}
    told = [{"source_event_id": "shardId-0:1"}] + [
        {"source_event_id": f"shardId-0:2#{n}", "messages": 2} for n in range(2)
    ]
    pages: Any = Pages([json.dumps(plain | one).encode() for one in told])
    collector = Collector(pages, "predictions", tasks.find("ride_duration"))
    collector.recent = Recent()
    collector.start()
    collector.stop()
    assert [event_id for event_id, _ in collector.recent] == ["shardId-0:1", "shardId-0:2"]


def test_its_files_load_nothing_from_elsewhere_and_run_nothing_but_their_own_script(tmp_path: Path) -> None:
    with page(tmp_path) as ask:
        for path, kind in (("/", "text/html"), ("/watch.js", "text/javascript"), ("/watch.css", "text/css")):
            status, headers, body = ask("GET", path)
            assert (status, headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
            assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
            assert b"://" not in body
            assert b"innerHTML" not in body
        assert ask("GET", "/../server.py")[0] == 404
        assert ask("GET", "/server.py")[0] == 404


def test_states_are_sent_as_they_change(tmp_path: Path) -> None:
    with page(tmp_path) as ask:
        assert json.loads(ask("GET", "/states")[2].removeprefix(b"data: ")) == {"run": None, "by_hand": []}
        a_run(tmp_path, "one", ended=True)
        told = json.loads(ask("GET", "/states")[2].removeprefix(b"data: "))["run"]
        assert (told["sent"], told["consumers"][0]["name"]) == (1, "one")


def test_another_site_or_another_host_name_gets_nothing(tmp_path: Path) -> None:
    with page(tmp_path) as ask:
        for path in ("/", "/states", "/watch.js"):
            assert ask("GET", path, Host="evil.example")[0] == 403
        assert ask("POST", "/event", b"{}", Host="evil.example")[0] == 403
        assert ask("POST", "/event", b"{}", Origin="http://evil.example")[0] == 403
        assert ask("POST", "/states", b"{}")[0] == 403


@pytest.mark.parametrize(
    ("run", "body", "status", "detail"),
    [
        (None, b"{}", 422, "no run goes on: start one beside"),
        ({"ended": True}, b"{}", 422, "the run has ended"),
        ({}, b"{", 422, "that is no JSON"),
        ({}, b"\xff", 422, "that is no JSON"),
        ({}, b"[1]", 422, "an event is a JSON object"),
        ({}, b"{}", 422, "the event can't be put on events"),  # nothing listens at the endpoint
        ({}, b" " * (LARGEST_EVENT + 1), 413, "65,536 bytes at most"),
    ],
)
def test_an_event_that_cannot_be_put_is_refused_saying_why(
    tmp_path: Path, run: dict[str, Any] | None, body: bytes, status: int, detail: str
) -> None:
    if run is not None:
        a_run(tmp_path, "one", **run)
    with page(tmp_path) as ask:
        found, _, answer = ask("POST", "/event", body)
    assert found == status
    assert detail in json.loads(answer)["detail"]


def test_a_port_that_is_taken_is_named_with_the_mend(tmp_path: Path) -> None:
    with WatchServer(tmp_path) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(LocalError, match=f"port {port} can't be used: .*PORT=0"):
            WatchServer(tmp_path, port)


@pytest.mark.exhaustive
def test_a_run_writes_its_state_and_answers_an_event_that_is_put_by_hand(
    training: Training, tmp_path: Path
) -> None:
    """The web service runs in a process of its own, with the model that the stream serves."""
    options = Options(n=2_400, rate=100.0, poison=0.05, shards=2)
    done: list[Any] = []

    def run() -> None:
        console = Console(file=io.StringIO())
        done.append(pipeline.run(options, lambda: training.report.model, console, tmp_path))

    running = threading.Thread(target=run)
    said = io.StringIO()
    with watched(tmp_path / "runs", Console(file=said, width=200)) as server:
        running.start()
        states = server.states()
        first = wait_for(
            states, lambda told: told["run"] is not None and told["run"]["consumers"][0]["recent"]
        )
        event = {**first["run"]["example"], "ride_id": "mine"}
        wait_for_service(server, states)
        made = server.put(msgspec.json.encode(event))
        with_answer = wait_for(states, lambda told: told["run"]["consumers"][0]["answers"])
    assert f"Watch it: {server.url}" in said.getvalue()
    answer = with_answer["run"]["consumers"][0]["answers"][made["event_id"]]
    assert answer["id"] == "mine"
    assert answer["value"] == made["estimate"]["prediction"]["ride_duration"]
    assert sum(shard["sent"] for shard in with_answer["run"]["shards"]) == with_answer["run"]["sent"]
    assert len(with_answer["run"]["shards"]) == 2
    running.join(120)
    [ledger] = done
    assert (ledger.sent, ledger.lost, ledger.pending) == (2_400, 0, 0)
    found = snapshot.newest(tmp_path / "runs")
    assert found is not None
    assert (found[1].ended, found[1].sent) == (True, 2_400)
    [consumer] = found[1].consumers
    assert sum(consumer.reasons.values()) == consumer.quarantined == ledger.quarantined


def wait_for(states: Iterator[bytes], holds: Callable[[Any], Any]) -> Any:
    ends = time.monotonic() + 120
    for told in states:
        assert time.monotonic() < ends
        if told and holds(found := json.loads(told)):
            return found
    raise AssertionError


def wait_for_service(server: WatchServer, states: Iterator[bytes]) -> None:
    """Wait until the web service answers."""
    while "starting" in server._service.ask(b"{}").get("detail", ""):
        next(states)


def test_an_event_gets_an_id_where_it_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_run(tmp_path, "one")
    kinesis = Kinesis()
    monkeypatch.setattr(clients, "isolated", lambda *_, **__: kinesis)
    made = by_hand.put(folder, state(), b'{"ride": {}}')
    assert made.id.startswith("by-hand-")
    assert json.loads(kinesis.put["Data"]) == {"ride": {}, "ride_id": made.id}
    assert snapshot.put_by_hand(folder) == [made]
    by_hand.put(folder, state(), b'{"ride_id": 7}')
    assert [one.id for one in snapshot.put_by_hand(folder)] == [made.id, "7"]


class Kinesis:
    """Takes one record."""

    def put_record(self, **put: Any) -> dict[str, str]:
        self.put = put
        return {"ShardId": "shardId-0", "SequenceNumber": "1"}
