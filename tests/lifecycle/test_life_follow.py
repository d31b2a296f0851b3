"""A process follows the pointer: what takes over, what stays out, and what it costs a batch."""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import wait
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from doubles import FakeContext, kinesis_event
from follow_lab import COLUMNS, Life, pointer_to
from payments_lab import logged, values
from sklearn.dummy import DummyClassifier

import model
from threeways import artifact
from threeways.errors import ArtifactMissing, PointerUnreachable
from threeways.lifecycle import follow, loading, memory
from threeways.lifecycle.follow import MOST_SECONDS
from threeways.lifecycle.loading import Measured
from threeways.lifecycle.pointer import Named, without_previous
from threeways.scoring.outputs import value_in
from threeways.scoring.service import ModelService
from threeways.settings import Settings

pytest_plugins = ["follow_fixtures"]

EVENT = b'{"id": 1, "distance": 1.0, "hour": 7.0}'


def answer(service: ModelService[Any]) -> tuple[str | None, float]:
    [value] = values(service.score([EVENT], [datetime.now(UTC)]))
    return service.version, value


def test_a_process_starts_with_the_pointer_s_model(life: Life) -> None:
    life.put(life.model("7", 7.0))
    service, _ = life.started(model_location="s3://elsewhere/never-read")
    assert answer(service) == ("7", 7.0)
    assert life.events == []


def test_without_a_pointer_it_starts_with_model_location_and_says_so(life: Life) -> None:
    first = life.model("1", 1.0)
    service, follower = life.started(model_location=first.location, model_sha256=first.sha256, run_id="1")
    assert answer(service) == ("1", 1.0)
    assert life.kinds == ["unreadable"]
    life.put(life.model("7", 7.0))  # the first promotion
    new = life.after(30, follower)
    assert new is not None
    assert answer(new) == ("7", 7.0)
    assert life.kinds == ["unreadable", "swapped"]
    assert "models:/rides/7 (version 7), promoted by a test" in life.events[1].what


def test_it_asks_at_most_once_an_interval_and_swaps_whole(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.put(life.model("7", 7.0))
    service, follower = life.started()
    asked: list[str | None] = []
    really = follower._store.read_unless

    def read_unless(etag: str | None) -> Any:
        asked.append(etag)
        return really(etag)

    monkeypatch.setattr(follower._store, "read_unless", read_unless)
    life.put(life.model("8", 8.0))
    assert [life.after(9, follower) for _ in range(3)] == [None] * 3
    assert asked == []
    new = life.after(9, follower)
    assert new is not None
    assert answer(new) == ("8", 8.0)
    assert answer(service) == ("7", 7.0)  # whoever still has it is not disturbed
    assert len(asked) == 1
    assert [life.after(10, follower) for _ in range(6)] == [None] * 6
    assert len(asked) == 3
    assert asked[1] == asked[2] != asked[0]  # by the new one's ETag: 304


def test_a_batch_is_scored_by_one_version_and_the_next_one_by_the_new(
    life: Life, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    life.put(life.model("7", 7.0))
    for name, value in {"FOLLOW": life.place, "FOLLOW_SECONDS": "0.1", "TEST_RUN": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "predictor")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "a-stack")
    handler = model.build()
    batch = kinesis_event([EVENT] * 3)

    def versions() -> list[tuple[str, float]]:
        made = handler(batch, FakeContext())["predictions"]
        return [(one["version"], value_in(one["prediction"], "id")) for one in made]

    assert versions() == [("7", 7.0)] * 3
    life.put(life.model("8", 8.0))
    time.sleep(0.11)
    assert versions() == [("7", 7.0)] * 3  # the pointer is asked for after it
    settled(handler)
    assert versions() == [("7", 7.0)] * 3  # the swap comes after it
    assert versions() == [("8", 8.0)] * 3
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    [swap] = [line for line in lines if "ModelSwaps" in line]
    assert (swap["service"], swap["function_name"], swap["ModelSwaps"]) == ("a-stack", "predictor", [1.0])
    assert [line["model_version"] for line in lines if line.get("message") == "batch"] == ["7", "7", "7", "8"]


def test_a_model_that_fails_on_each_batch_is_replaced_too(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.put(life.model("7", 7.0))
    for name, value in {"FOLLOW": life.place, "FOLLOW_SECONDS": "0.1", "TEST_RUN": "true"}.items():
        monkeypatch.setenv(name, value)
    handler = model.build()
    monkeypatch.setattr(handler.service, "score", lambda *_: 1 / 0)
    life.put(life.model("8", 8.0))
    time.sleep(0.11)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            handler(kinesis_event([EVENT]), FakeContext())
        settled(handler)
    assert handler(kinesis_event([EVENT]), FakeContext())["predictions"][0]["version"] == "8"


def settled(handler: Any) -> None:
    """Wait for the look at the pointer that the handler has begun."""
    if handler._following._asking is not None:
        wait([handler._following._asking.future], timeout=10)


def refused_ones(life: Life) -> dict[str, tuple[Any, str]]:
    """Pointers that must not take over: by name, what is put, and what is said."""
    sound = life.model("8", 8.0)
    other = COLUMNS.assign(speed=1.0)
    classes = DummyClassifier().fit(COLUMNS, ["a", "b", "a"])
    folder = logged(life.folder / "classes", classes, COLUMNS)
    return {
        "digest": (msgspec.structs.replace(sound, sha256="b" * 64), "is not the artifact that was pinned"),
        "nothing there": (
            msgspec.structs.replace(sound, location=f"s3://{life.bucket}/models/none"),
            "there is no MLmodel",
        ),
        "task": (msgspec.structs.replace(sound, task="ride_tip"), "a model of the task ride_tip"),
        "signature": (life.model("9", 9.0, other), "speed is double, and was not there"),
        "output": (pointer_to(life.upload(folder), artifact.digest(folder), "c"), "it predicts Classes"),
        "half JSON": (msgspec.json.encode(sound)[:100], "is no pointer"),
        "deep": (b'{"x":' + b"[" * 100_000, "recursion"),
        "large": (b" " * 300_000, "300000 bytes"),
    }


def test_whatever_cannot_take_over_stays_out_until_the_pointer_changes(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = life.model("7", 7.0)
    life.put(first)
    _, follower = life.started()
    loads: list[str] = []
    really = loading.load

    def load(pointer: Named, settings: Settings) -> ModelService[Any]:
        loads.append(pointer.version)
        return really(pointer, settings)

    monkeypatch.setattr(loading, "load", load)
    same = msgspec.structs.replace(first, version="8", task="ride_tip")
    bad = {**refused_ones(life), "the same files of another task": (same, "of the task ride_tip")}
    for name, (put, why) in bad.items():
        life.events.clear()
        loads.clear()
        life.put(put)
        assert [life.after(30, follower) for _ in range(5)] == [None] * 5, name
        assert life.kinds == ["refused"], name
        assert why in life.events[0].what, name
        assert "version 7 goes on serving" in life.events[0].what, name
        assert len(loads) <= 1, name
        assert answer(follower.service) == ("7", 7.0), name
    life.put(life.model("10", 10.0))
    new = life.after(30, follower)
    assert new is not None
    assert answer(new) == ("10", 10.0)


def test_a_look_that_fails_once_is_repeated_and_not_told(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    life.put(life.model("7", 7.0))
    _, follower = life.started()
    really, looks = follower._store.read_unless, []

    def read_unless(etag: str | None) -> Any:
        looks.append(etag)
        if len(looks) == 1:
            raise PointerUnreachable("the connection was gone when Lambda went on")
        return really(etag)

    monkeypatch.setattr(follower._store, "read_unless", read_unless)
    life.put(life.model("8", 8.0))
    assert life.after(30, follower) is None
    assert life.after(1, follower) is not None
    assert life.kinds == ["swapped"]


def test_a_deleted_pointer_and_one_that_comes_back(life: Life) -> None:
    pointer = life.model("7", 7.0)
    life.put(pointer)
    _, follower = life.started()
    life.s3.delete_object(Bucket=life.bucket, Key="champion.json")
    assert life.after(30, follower) is None
    assert life.kinds == ["unreadable"]
    assert "there is no pointer" in life.events[0].what
    life.put(pointer)
    assert life.after(30, follower) is None  # it is what serves: no load, no swap
    assert life.kinds == ["unreadable"]
    life.put(life.model("8", 8.0))
    assert life.after(30, follower) is not None


def test_with_s3_gone_for_an_hour_batches_are_not_delayed(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.put(life.model("7", 7.0))
    _, follower = life.started()
    hanging, begun, looks = threading.Event(), threading.Semaphore(0), []

    def read_unless(etag: str | None) -> None:
        begun.release()
        hanging.wait(60)

    monkeypatch.setattr(follower._store, "read_unless", read_unless)
    waits = []
    for _ in range(720):  # a batch each five seconds
        life.clock.now += 5
        began = time.monotonic()
        assert follower.next() is None
        waits.append(time.monotonic() - began)
        if follower._asking is not None and follower._asking not in looks:
            looks.append(follower._asking)
            assert begun.acquire(timeout=30)  # its thread runs by now, however busy the machine is
    hanging.set()
    assert sorted(waits)[-10] < 0.05  # but for what a busy machine does to a few
    assert max(waits) < 1
    assert 5 <= len(looks) <= 16
    assert 4 <= life.kinds.count("unreadable") == len(life.kinds) <= 15
    assert answer(follower.service) == ("7", 7.0)
    monkeypatch.undo()


def test_a_look_that_fails_is_repeated_ever_more_rarely(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    life.put(life.model("7", 7.0))
    _, follower = life.started()
    bucket, really = life.bucket, follower._store.place
    follower._store.place = msgspec.convert(("no-such-bucket", "champion.json"), type(really))
    for _ in range(720):
        assert life.after(5, follower) is None
    assert 5 <= len(life.events) <= 14
    assert set(life.kinds) == {"unreadable"}
    follower._store.place = really
    life.put(life.model("8", 8.0))
    assert any(life.after(5, follower) for _ in range(int(MOST_SECONDS / 5) + 1))
    del bucket


def test_a_model_is_loaded_only_where_the_deadline_leaves_its_cost(life: Life) -> None:
    life.put(life.model("7", 7.0))
    _, follower = life.started()
    size = loading.bytes_of(f"s3://{life.bucket}/models/7", life.s3)
    follower._measured = Measured(seconds=4.0, bytes=size)
    life.put(life.model("8", 8.0))
    assert life.after(30, follower, time_left=lambda: 3.0) is None
    assert follower._loading is None
    for _ in range(follow.LATE):
        assert life.after(1, follower, time_left=lambda: 3.0) is None
    assert life.kinds == ["refused"]
    assert "raise the function's Timeout" in life.events[0].what
    assert life.after(60, follower, time_left=lambda: 20.0) is not None  # it is tried again


def test_a_larger_model_after_a_small_one_is_not_expected_to_take_for_ever() -> None:
    # what a small one took is libraries, calls to S3 and the proof, and not its bytes
    assert Measured(2.0, 400_000).seconds_for(80_000_000) == pytest.approx(1.5 * 6, rel=0.01)
    assert Measured(2.0, 80_000_000).seconds_for(400_000) == 3.0


def test_a_load_that_outlives_its_batch_takes_over_after_a_later_one(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.put(life.model("7", 7.0))
    _, follower = life.started()
    life.put(life.model("8", 8.0))
    go_on, really = threading.Event(), loading.load
    monkeypatch.setattr(loading, "load", lambda *told: (go_on.wait(10), really(*told))[1])
    follower._measured = Measured(0.01, 1_000_000)
    began = time.monotonic()
    assert life.after(30, follower, time_left=lambda: 0.3 if follower._loading else 5.0) is None
    assert time.monotonic() - began < 1
    began = time.monotonic()
    assert [life.after(1, follower, time_left=lambda: 50.0) for _ in range(5)] == [None] * 5
    assert time.monotonic() - began < 0.2  # later batches do not wait for it
    go_on.set()
    ends = time.monotonic() + 10
    while (new := life.after(1, follower)) is None and time.monotonic() < ends:
        time.sleep(0.01)
    assert new is not None
    assert answer(new) == ("8", 8.0)


def test_what_may_pass_is_tried_again_and_what_may_not_is_not(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.put(life.model("7", 7.0))
    _, follower = life.started()
    life.put(life.model("8", 8.0))
    really, tries = loading.load, []

    def load(*told: Any) -> Any:
        tries.append(life.clock.now)
        if len(tries) < 3:
            raise OSError("no route to host")
        return really(*told)

    monkeypatch.setattr(loading, "load", load)
    took = [life.after(10, follower) for _ in range(40)]
    assert [one.version for one in took if one] == ["8"]
    assert [later - earlier for earlier, later in pairwise(tries)] == [60.0, 120.0]
    assert life.kinds == ["refused", "refused", "swapped"]


def test_a_model_too_big_for_the_memory_stays_out(life: Life) -> None:
    life.put(life.model("7", 7.0))
    now = memory.held()
    assert now is not None
    _, follower = life.started(aws_lambda_function_memory_size=now // 2**20 + 20)
    life.put(life.model("8", 8.0))
    assert life.after(30, follower) is None
    assert life.kinds == ["refused"]
    assert "too big to be loaded beside the one that serves" in life.events[0].what
    assert "raise MemorySize" in life.events[0].what


def test_a_pointer_to_the_same_files_takes_over_without_loading(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = life.model("7", 7.0)
    life.put(first)
    _, follower = life.started()
    monkeypatch.setattr(loading, "load", lambda *_: pytest.fail("it was loaded again"))
    life.put(msgspec.structs.replace(first, by="another", because="the same again"))
    assert life.after(30, follower) is None
    assert life.events == []
    life.put(msgspec.structs.replace(first, version="7-recalibrated"))
    new = life.after(30, follower)
    assert new is not None
    assert answer(new) == ("7-recalibrated", 7.0)


def test_at_the_start_a_bad_model_leaves_the_one_before_it_then_model_location_s(life: Life) -> None:
    good, bad = life.model("7", 7.0), msgspec.structs.replace(life.model("8", 8.0), sha256="b" * 64)
    life.put(msgspec.structs.replace(bad, previous=without_previous(good)))
    service, follower = life.started()
    assert answer(service) == ("7", 7.0)
    assert life.kinds == ["refused"]
    assert [life.after(30, follower) for _ in range(3)] == [None] * 3
    assert life.kinds == ["refused"]  # and it is not tried again
    life.put(bad)
    service, _ = life.started(model_location=good.location, model_sha256=good.sha256, run_id="good")
    assert answer(service) == ("good", 7.0)
    with pytest.raises(Exception, match="not the artifact that was pinned"):
        life.started()


def test_a_follower_never_raises(
    life: Life, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    life.put(life.model("7", 7.0))
    _, follower = life.started()
    monkeypatch.setattr(follower, "_found", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        assert life.after(30, follower) is None
    assert "ZeroDivisionError" in caplog.text


def test_a_model_whose_loading_ends_the_thread_stays_out(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    life.put(life.model("7", 7.0))
    _, follower = life.started()
    life.put(life.model("8", 8.0))

    def load(*_: Any) -> Any:
        raise SystemExit(3)

    monkeypatch.setattr(loading, "load", load)
    assert life.after(30, follower) is None
    assert life.kinds == ["refused"]
    assert "SystemExit(3)" in life.events[0].what


def test_the_size_of_nothing_is_no_size(life: Life) -> None:
    with pytest.raises(ArtifactMissing, match="promote one"):
        loading.bytes_of(f"s3://{life.bucket}/models/none", life.s3)
