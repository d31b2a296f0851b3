"""Generated uploads as `make run` sends them, with the truth of its task, and broken ones among them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from threeways.errors import UsageError
from threeways.local_run import broken_events
from threeways.scoring import Classes
from threeways.systems.moderation import producer
from threeways.systems.moderation.copyright import task
from threeways.systems.moderation.generator import uploads


def test_the_uploads_are_sent_in_order_with_the_truth_of_the_task_s_category() -> None:
    made = uploads(50, producer.SEED)
    events = producer.load(None, 50, task)
    found, faults = task.decode_all(list(events.payloads()))
    assert (found, faults) == ([one.upload for one in made], {})
    assert events.ids == [one.upload.upload_id for one in made]
    assert events.truth.tolist() == [{"score": float("copyright" in one.truth)} for one in made]
    labels = producer.load(None, 50, replace(task, name="nsfw", output=Classes())).truth.tolist()
    assert labels == ["nsfw" if "nsfw" in one.truth else "ok" for one in made]
    assert events.labels(0) == {"title": made[0].upload.title, "frames": str(len(made[0].upload.frames))}


def test_files_that_are_no_uploads_are_refused() -> None:
    with pytest.raises(UsageError, match=r"EVENTS=trips.parquet: .*leave EVENTS= out"):
        producer.load("trips.parquet", 1, task)


def test_each_kind_of_broken_upload_is_refused_frames_and_tags_too() -> None:
    kinds = broken_events.kinds(task)
    assert len(kinds) > 50
    for kind in (
        "frames with an item of another form",
        "frames with too many items",
        "tags with an item too long",
    ):
        assert kind in kinds
