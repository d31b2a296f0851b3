"""Two images together: a moderation model in the consumer's gives a verdict, by which the join's decides."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from test_join_image import LOCAL, NAME, ROOT, Site, waited

from threeways.aws.kinesis import read_all
from threeways.docker import images
from threeways.emulator.provision import provision
from threeways.emulator.server import Emulator
from threeways.emulator.stack import Stack
from threeways.emulator.template import load
from threeways.integration import sites
from threeways.join.policies import packed
from threeways.local_run.consumer import RunningConsumer
from threeways.settings import Settings
from threeways.systems.moderation.policy import parsed
from threeways.systems.moderation.training import data
from threeways.systems.moderation.uploads import Upload
from threeways.training.registry import RegisteredModel
from threeways.training.train import train

POLICY = """
version = "alone"
deadline_s = 600
ground = "Terms"
appeal = "Reply"
[categories.nsfw]
what = "nudity"
review = 0.4
remove = 0.99
ground = "Terms, 4"
statement_category = "STATEMENT_CATEGORY_PORNOGRAPHY_OR_SEXUALIZED_CONTENT"
"""
"""One consumer judges here, so that its verdict is the decision: a policy that no image has."""


@pytest.fixture(scope="module")
def model(image: str, target: str, tmp_path_factory: pytest.TempPathFactory) -> RegisteredModel:
    """A small model of nudity, which a target with scikit-learn serves."""
    if target not in (images.FUNCTION, images.FRAME):
        pytest.skip(
            f"NOT TESTED: {image} has no scikit-learn, which moderation's models need: TARGET=function"
        )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(data, "GENERATED_TRAINING", (1_500, 1))
        patched.setattr(data, "GENERATED_VALIDATION", (500, 2))
        folder = tmp_path_factory.mktemp("moderation") / ".local"
        return train(console=Console(width=120, highlight=False), folder=folder, task="nsfw").model


@pytest.fixture(scope="module")
def emulator(join_image: str) -> Iterator[Emulator]:  # noqa: ARG001 - skips with it
    LOCAL.mkdir(exist_ok=True)
    with sites.emulator("moto", LOCAL) as made:
        assert isinstance(made, Emulator)
        yield made


@pytest.fixture(scope="module")
def stack(emulator: Emulator) -> Stack:
    made = load(
        ROOT / "join.yaml", {"Join": NAME, "Policy": packed(POLICY)}, name=f"both-{uuid.uuid4().hex[:8]}"
    )
    provision(made, emulator)
    return made


def test_an_upload_is_judged_by_one_image_and_decided_by_the_other(
    emulator: Emulator, stack: Stack, model: RegisteredModel, image: str, join_image: str, tmp_path: Path
) -> None:
    kinesis = emulator.client("kinesis")
    events, verdicts = (
        next(one.source for one in stack.mappings if one.source.name.endswith(kind))
        for kind in ("-events", "-verdicts")
    )
    harmless = Upload("u1", "user-1", "Harbour at dawn", "Boats and gulls.")
    bad = Upload("u2", "user-2", "Uncensored explicit nude striptease", "Naked adults, uncensored.")
    with ExitStack() as running:
        join = Site(emulator, stack, join_image, running)
        consumer = running.enter_context(
            RunningConsumer(
                tmp_path, model, None, Console(width=120), emulator=emulator, name="both-nsfw",
                settings=Settings(task="nsfw"), function=sites.in_image(image),
                parameters={"InputStreamArn": events.arn, "OutputStreamArn": verdicts.arn},
            )
        )  # fmt: skip
        for upload in (harmless, bad):
            kinesis.put_record(
                StreamName=events.name, Data=msgspec.json.encode(upload), PartitionKey=str(upload.upload_id)
            )
        assert waited(lambda: len(list(read_all(kinesis, verdicts.name))) == 2), consumer.log
        told = [json.loads(record) for record in read_all(kinesis, verdicts.name)]
        assert {one["model"] for one in told} == {"nsfw"}
        for upload, verdict in zip((harmless, bad), told, strict=True):
            answer = join.join(msgspec.json.encode(upload), json.dumps(verdict).encode())
            assert answer == {"batchItemFailures": []}
        decided = {key: json.loads(join.item(key)["d#1"]["S"]) for key in ("u1", "u2")}
    assert decided["u1"]["outcome"] == "allow"
    assert decided["u2"]["outcome"] in ("review", "remove")
    for one in decided.values():
        assert one["rules"] == parsed(POLICY).rules, "by the policy that was deployed, not by the image's"
        assert one["missing"] == []
        assert one["decided_at"] <= time.time() < one["due"]
    found = decided["u2"]["facts"]["categories"]["nsfw"]
    assert found["version"] == model.run_id
    assert found["because"], "the words that moved it"
