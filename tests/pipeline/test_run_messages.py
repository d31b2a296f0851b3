"""A task with 0, 1, 3 and 700 messages an event, for real: run, torture and the ledger of what was found."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles import FakeModel, ride
from replay_lab import Lab, entry, ids, lines, quarantine_of
from rich.console import Console

from threeways.chaos.ledger import out_of_order
from threeways.chaos.schedule import parse
from threeways.chaos.torture import Options, torture
from threeways.emulator.server import Emulator
from threeways.local_run.collector import Collector
from threeways.local_run.ledger import WITHOUT_MESSAGES, Account, Received, Sent
from threeways.scoring import Message, tasks
from threeways.scoring.messages import event_of
from threeways.scoring.service import ModelService
from threeways.settings import Settings
from threeways.systems.taxi import duration
from threeways.training.registry import RegisteredModel

pytest_plugins = ["replay_fixtures"]

TASK = '''
"""Which users see an upload in their feed? As many as its reach says."""
import msgspec
import numpy as np

from threeways.scoring import Features, Message, Task, Value
from threeways.scoring.decoding import Id


class Upload(msgspec.Struct, frozen=True):
    upload_id: Id
    reach: float


def features(uploads, arrived):
    return Features(np.array([[upload.reach] for upload in uploads]), [()] * len(uploads))


def feeds(upload, prediction):
    return [Message({"user": f"u{n}"}, key=f"u{n}", id=f"u{n}") for n in range(round(prediction["users"]))]


task = Task(
    name="uploads", event=Upload, id="upload_id", example=Upload("up-1", 2.0), columns=("reach",),
    features=features, output=Value("users"), messages=feeds,
)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the task in a package."""
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "__init__.py").touch()
    (tmp_path / "feeds" / "uploads.py").write_text(TASK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def uploads(package: Path) -> Path:
    """The same with the task's model and 120 events."""
    import mlflow.sklearn
    from sklearn.linear_model import LinearRegression

    rows = np.arange(10.0)[:, None]
    mlflow.sklearn.save_model(
        LinearRegression().fit(rows, rows[:, 0]), str(package / "model"), serialization_format="skops",
        pip_requirements=["scikit-learn"], metadata={"task": "uploads", "features": ["reach"]},
    )  # fmt: skip
    reach = [700 if n in (0, 60) else (0, 0, 1, 3)[n % 4] for n in range(120)]
    events = [{"upload_id": f"up-{n}", "reach": one} for n, one in enumerate(reach)]
    (package / "uploads.jsonl").write_text("\n".join(map(json.dumps, events)))
    return package


def counted(folder: Path) -> tuple[Counter[int], dict[str, Any]]:
    reach = [json.loads(line)["reach"] for line in (folder / "uploads.jsonl").read_text().splitlines()]
    return Counter(reach), json.loads((folder / ".local" / "torture.json").read_text())


@pytest.mark.exhaustive
def test_no_message_is_lost_under_faults_and_events_without_one_are_not_lost_either(uploads: Path) -> None:
    model = RegisteredModel("model", "", "run-1", "m-1", "1", uploads / "model", trained_here=True)
    said = io.StringIO()
    options = Options(
        plan=parse("none,throttled=0.1,partial=0.2,reset=0.1,kill=0.002"), seed=3, n=0, poison=0,
        events="uploads.jsonl", settings=Settings(task="feeds.uploads"),
    )  # fmt: skip
    torture(options, lambda: model, Console(file=said, width=120), uploads / ".local")
    reach, ledger = counted(uploads)
    assert ledger["without_messages"] == reach[0] > 0
    assert ledger["predicted"] == ledger["sent"] - reach[0]
    assert ledger["messages"] == sum(count * many for count, many in reach.items())
    assert (ledger["lost"], ledger["pending"], ledger["order_violations"]) == (0, 0, 0)
    assert ledger["duplicates_with_new_id"] == 0
    assert ledger["partial_failures"] > 0
    assert f"without messages │ {reach[0]}" in " ".join(said.getvalue().split())


def put(emulator: Emulator, stream: str, told: Sequence[tuple[str, int]]) -> None:
    kinesis = emulator.client("kinesis")
    for message_id, count in told:
        data = {
            "model": "m", "version": "v", "prediction": {"user": "u", "upload_id": 1},
            "source_event_id": message_id, "flags": [], "messages": count,
        }  # fmt: skip
        kinesis.put_record(StreamName=stream, Data=json.dumps(data).encode(), PartitionKey="k")


@pytest.mark.usefixtures("package")
def test_an_event_is_predicted_once_all_of_its_messages_are_there(emulator: Emulator) -> None:
    emulator.client("kinesis").create_stream(StreamName="messages", ShardCount=1)
    collector = Collector(emulator.client("kinesis"), "messages", tasks.find("feeds.uploads"))
    told = ["s:1#a", "s:2#a", "s:1#a", "s:2#b", "s:1#b", "s:3#a"]
    put(emulator, "messages", [(one, {"1": 2, "2": 3, "3": 1}[one[2]]) for one in told])
    collector.start()
    collector.stop()
    assert list(collector.predictions) == ["s:1", "s:3"]
    assert (collector.messages, collector.duplicates) == (3, 1)
    first, other = collector.predictions.values()
    assert first.number < first.last < other.number == other.last
    assert (first.entity, other.entity) == (1, 1)


def test_an_event_whose_messages_come_between_another_s_of_its_key_is_out_of_order() -> None:
    sent = {f"s:{n}": Sent(at=1.0, index=n, key="k") for n in (1, 2)}
    first, second = Received(1.0, 2.0, number=1, last=3), Received(1.0, 2.0, number=2, last=4)
    account = Account(sent, {"s:1": first, "s:2": second}, 0, (), (), {})
    assert out_of_order(account) == ["s:2"]
    assert out_of_order(replace(account, predictions={"s:1": replace(first, last=1), "s:2": second})) == []


def test_an_event_with_a_message_missing_is_lost() -> None:
    shard = "shardId-000000000000"
    account = Account(
        sent={f"{shard}:{n}": Sent(at=1.0, index=n) for n in range(4)},
        predictions={f"{shard}:0": Received(value=1.0, at=2.0)},
        duplicates=0, quarantined=(), abandoned=(), positions={shard: "2"},
        without_messages=[f"{shard}:1", f"{shard}:3"],
    )  # fmt: skip
    assert account.whereabouts() == {
        "predicted": [f"{shard}:0"], WITHOUT_MESSAGES: [f"{shard}:1"], "lost": [f"{shard}:2"],
        "pending": [f"{shard}:3"], "quarantined": [], "abandoned": [],
    }  # fmt: skip


def test_a_replay_settles_an_event_with_all_of_its_messages_or_with_none(lab: Lab) -> None:
    def for_each_mile(event: Any, told: Mapping[str, Any]) -> list[Message]:
        return [Message({"n": n}) for n in range(int(told["ride_duration"] / 2))]

    lab.handle.service = ModelService(FakeModel(), replace(duration.task, messages=for_each_mile), "run-1")
    lab.put(
        "quarantine/2026/03/01/13/a.jsonl",
        lines([entry(ids(7)[0], ride(1, distance=3)), entry(ids(8)[0], ride(2, distance=0))]),
    )
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert Counter(map(event_of, lab.predicted_ids())) == {ids(7)[0]: 3}
    account = replay.ledger
    assert (account.read, account.predicted, account.without_messages, account.lost) == (2, 1, 1, 0)
    assert (account.removed, account.complete) == (1, True)
