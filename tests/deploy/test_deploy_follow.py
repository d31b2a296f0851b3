"""A deployed stack that follows a pointer: what is said, whose answer counts, and the way back."""

from __future__ import annotations

import pytest
from deploy_lab import Lab, client
from small_training import Training
from test_rollback import another_model

from threeways.errors import UsageError
from threeways.lifecycle import promotion
from threeways.lifecycle.pointer import Named, Pointer, PointerStore, now
from threeways.ops.deploy import following

pytestmark = pytest.mark.exhaustive
pytest_plugins = ["deploy_fixtures"]

PLACE = "s3://pointers/champion.json"


def pointing(location: str, sha256: str, version: str) -> Named:
    return Named(
        location=location, sha256=sha256, version=version, name="models:/ride-duration/7",
        task="ride_duration", by="ann", at=now(), because="a test",
    )  # fmt: skip


def pointer() -> Pointer:
    found = PointerStore(client("s3"), PLACE).read().pointer
    assert found is not None
    return found


def test_rollback_takes_the_pointer_back_too_or_refuses(lab: Lab, training: Training) -> None:
    client("s3").create_bucket(Bucket="pointers")
    lab.deploy(follow=PLACE)
    assert lab.variables()["FOLLOW"] == PLACE
    assert "there is none yet, and this model serves" in lab.said.getvalue()
    first = lab.variables()
    lab.tools.layers = "two"
    stack = lab.deploy(model=another_model(training.report.model.folder, lab.folder))
    promotion.put(
        PointerStore(client("s3"), PLACE), None, None, pointing("s3://pointers/models/9", "9" * 64, "9")
    )
    assert following.version_of(stack, "run", client) == "9"  # its answer, not that of MODEL=
    lab.rollback()
    assert (pointer().location, pointer().sha256) == (first["MODEL_LOCATION"], first["MODEL_SHA256"])
    assert pointer().version == first["RUN_ID"]
    assert pointer().because.startswith("make rollback to ")
    assert pointer().previous is not None
    assert f"{PLACE}: it names that model again" in lab.said.getvalue()


def test_where_the_pointer_cannot_be_read_nothing_is_rolled_back(lab: Lab, training: Training) -> None:
    client("s3").create_bucket(Bucket="pointers")
    lab.deploy(follow=PLACE)
    lab.tools.layers = "two"
    lab.deploy(model=another_model(training.report.model.folder, lab.folder))
    before = lab.variables()
    client("s3").put_object(Bucket="pointers", Key="champion.json", Body=b"{")
    with pytest.raises(UsageError, match=r"it cannot be taken back: .*is no pointer.*PARAMETERS='Follow='"):
        lab.rollback()
    assert lab.variables() == before


def test_two_names_of_one_pointer_must_agree(lab: Lab) -> None:
    with pytest.raises(UsageError, match=r"FOLLOW=s3://pointers/champion\.json and PARAMETERS=Follow="):
        lab.deploy(follow=PLACE, parameters="Follow=s3://others/champion.json")
    with pytest.raises(UsageError, match=r"s3://bucket/champion\.json, or nothing"):
        lab.deploy(follow="s3://pointers/*")
