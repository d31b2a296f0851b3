"""`make rollback` and `make destroy`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from deploy_lab import STACK, Lab, client
from small_training import Training

from threeways.errors import DeploymentFailed, UsageError
from threeways.ops.deploy import change_set, changes, package
from threeways.ops.deploy.stack import Stack

pytestmark = pytest.mark.exhaustive

pytest_plugins = ["deploy_fixtures"]


def another_model(model: Path, folder: Path) -> str:
    """The same model with another digest, in a folder."""
    copy = folder / "another"
    shutil.copytree(model, copy)
    (copy / "a-note").write_text("x")
    return str(copy)


def two_deployments(lab: Lab, training: Training) -> tuple[str, str]:
    """The ids of a first one, and of a second with another model, image and memory."""
    first = package.id_of(lab.deploy().template)
    lab.tools.layers = "two"
    second = package.id_of(
        lab.deploy(
            model=another_model(training.report.model.folder, lab.folder), parameters="MemorySize=2048"
        ).template
    )
    assert first
    assert second
    assert first != second
    return first, second


def test_rollback_brings_the_deployment_before_as_it_was_and_without_codedeploy(
    lab: Lab, training: Training
) -> None:
    before = lab.deploy()
    variables, first = lab.variables(), lab.tools.templates[-1]
    lab.tools.layers = "two"
    lab.deploy(model=another_model(training.report.model.folder, lab.folder), parameters="MemorySize=2048")
    assert lab.variables() != variables
    after = lab.rollback()
    assert lab.variables() == variables
    assert package.id_of(after.template) == package.id_of(before.template)
    last = lab.tools.templates[-1]["Resources"]["Predictor"]["Properties"]
    assert last["DeploymentPreference"]["Enabled"] is False
    assert last["ImageUri"] == first["Resources"]["Predictor"]["Properties"]["ImageUri"]
    assert lab.tools.given[-1]["MemorySize"] == "1024"
    said = lab.said.getvalue()
    assert "change MemorySize: 2048 -> 1024" in said
    assert said.index("  to     ") < said.index("Back: ")


@pytest.mark.exhaustive
def test_rollback_to_any_known_deployment_and_not_to_an_unknown_one(lab: Lab, training: Training) -> None:
    first, second = two_deployments(lab, training)
    with pytest.raises(UsageError, match=rf"no deployment nonsense.*TO=id:\s+{first} of 2"):
        lab.rollback(to="nonsense")
    lab.rollback()
    with pytest.raises(UsageError, match=rf"no deployment before this one.*\s+{second} of 2"):
        lab.rollback()
    with pytest.raises(UsageError, match="already"):
        lab.rollback(to=first)
    assert package.id_of(lab.rollback(to=second).template) == second


@pytest.mark.exhaustive
def test_deploying_the_same_again_is_no_deployment_to_go_back_to(lab: Lab, training: Training) -> None:
    first, second = two_deployments(lab, training)
    again = lab.deploy(model=str(lab.folder / "another"))
    assert package.id_of(again.template) == second
    assert package.id_of(lab.rollback().template) == first


def test_rollback_needs_the_model_and_the_image_of_then(lab: Lab, training: Training) -> None:
    two_deployments(lab, training)
    steps = len(lab.tools.done)
    name, ecr = "three-ways/rides", client("ecr")
    [one] = [
        one for one in ecr.describe_images(repositoryName=name)["imageDetails"] if one["imageTags"] == ["one"]
    ]
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": one["imageDigest"]}])
    with pytest.raises(UsageError, match="no longer in ECR"):
        lab.rollback()
    model = json.loads(json.dumps(lab.tools.templates[1]))["Parameters"]["ModelLocation"]["Default"]
    bucket, _, prefix = model.removeprefix("s3://").partition("/")
    client("s3").delete_object(Bucket=bucket, Key=f"{prefix}/MLmodel")
    with pytest.raises(UsageError, match=r"model of .* is no longer"):
        lab.rollback()
    assert len(lab.tools.done) == steps


def test_without_a_stack_there_is_nothing_to_go_back_from_or_to_remove(lab: Lab) -> None:
    for command in (lab.rollback, lab.destroy):
        with pytest.raises(UsageError, match="no stack rides in us-east-1"):
            command()


def test_destroy_names_what_goes_and_what_stays_and_wants_the_name_typed(lab: Lab) -> None:
    stack = lab.deploy()
    bucket = stack.outputs["ModelBucket"]
    with pytest.raises(UsageError, match="nothing was touched"):
        lab.destroy("yes")
    said = lab.said.getvalue()
    goes, stays = said[said.index("goes") :].split("and stays")
    assert "Kinesis::Stream: ride_events, ride_predictions" in goes
    assert "three-ways/rides, with every image" in goes
    assert f"s3://{bucket}" in stays
    assert bucket not in goes
    assert client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    lab.destroy()
    assert client("kinesis").list_streams()["StreamNames"] == []
    assert client("ecr").describe_repositories()["repositories"] == []
    assert client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] > 0
    lab.deploy()  # and it can be made again


def test_destroy_leaves_a_repository_that_is_not_its_own(lab: Lab) -> None:
    ecr = client("ecr")
    uri = ecr.create_repository(repositoryName="three-ways/rides")["repository"]["repositoryUri"]
    lab.deploy(repository=uri)
    lab.destroy(yes=True)
    assert len(ecr.describe_repositories()["repositories"]) == 1
    assert lab.asked == []


@pytest.mark.exhaustive
def test_a_failed_update_says_so_and_is_no_deployment_to_go_back_to(lab: Lab, training: Training) -> None:
    first, _ = two_deployments(lab, training)
    lab.tools.faults["deploy"] = DeploymentFailed("SAM CLI ended with status 1")
    with pytest.raises(DeploymentFailed):
        lab.deploy(parameters="MemorySize=4096")
    assert package.id_of(lab.rollback().template) == first


def test_deployments_are_recorded_where_the_function_may_not_write_and_those_of_before_are_found(
    lab: Lab,
) -> None:
    stack = lab.deploy()
    s3, records = client("s3"), stack.outputs["DeploymentsBucket"]
    [first] = s3.list_objects_v2(Bucket=records)["Contents"]
    assert first["Key"].startswith("deployments/")
    assert s3.list_objects_v2(Bucket=stack.outputs["ModelBucket"], Prefix="deployments/")["KeyCount"] == 0
    # A stack of before has its records in the model bucket.
    s3.copy_object(
        Bucket=stack.outputs["ModelBucket"],
        Key=first["Key"],
        CopySource={"Bucket": records, "Key": first["Key"]},
    )
    s3.delete_object(Bucket=records, Key=first["Key"])
    lab.deploy(parameters="MemorySize=2048")
    lab.rollback()
    assert client("lambda").get_function_configuration(FunctionName=lab.function())["MemorySize"] == 1024


def test_a_rollback_to_a_template_without_a_bucket_for_records_leaves_that_in_the_account(lab: Lab) -> None:
    change = {
        "LogicalResourceId": "DeploymentsBucket",
        "ResourceType": "AWS::S3::Bucket",
        "Action": "Remove",
        "PolicyAction": "Retain",
    }
    assert change_set.lost({"ResourceChange": change}) is None
    assert change_set.lost({"ResourceChange": {**change, "LogicalResourceId": "ModelBucket"}}) is not None


def test_what_cloudformation_does_not_say_of_a_parameter_its_template_does() -> None:
    template = {"Parameters": {"BatchEvents": {"Default": ""}, "ShardCount": {"Default": "2"}}}
    older = Stack("rides", "UPDATE_COMPLETE", {"BatchEvents": "****", "ShardCount": "2"}, {}, template)
    assert changes._present(older) == {"BatchEvents": "", "ShardCount": "2"}


def test_a_database_url_is_no_parameter_and_is_refused_without_its_password(lab: Lab) -> None:
    given = "BatchEvents=postgresql://me:s3cr3t@db/rides"
    with pytest.raises(UsageError, match="belongs into Secrets Manager, see BatchEventsSecretArn") as refused:
        lab.deploy(parameters=given)
    assert "s3cr3t" not in str(refused.value)
    assert not lab.answers_file.exists()
    assert "s3cr3t" not in lab.said.getvalue()
