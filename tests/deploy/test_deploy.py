"""`make deploy` from nothing to a ride through it: against moto, with AWS's own transform."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from deploy_lab import STACK, Lab, client
from small_training import Training
from transformed import of_type, transformed

from threeways import artifact
from threeways.aws.kinesis import read_all
from threeways.errors import DeploymentFailed, UsageError
from threeways.ops.deploy import model as chosen
from threeways.ops.deploy import package, parameters, smoke_test
from threeways.ops.deploy.smoke_test import Example
from threeways.scoring import tasks

pytest_plugins = ["deploy_fixtures"]

RIDE = cast("Example", smoke_test.example_of(tasks.find("ride_duration")))


def test_a_first_deployment_makes_the_stack_then_uploads_then_turns_the_mapping_on(
    lab: Lab, training: Training
) -> None:
    stack = lab.deploy()
    assert lab.tools.done == ["require", "build", "prove", "push", "deploy", "deploy"]
    first, second = lab.tools.given
    assert (first["ModelLocation"], first["ModelSha256"]) == ("", "")
    sha256 = artifact.digest(training.report.model.folder)
    location = f"s3://{stack.outputs['ModelBucket']}/models/{sha256}"
    assert (second["ModelLocation"], second["ModelSha256"]) == (location, sha256)
    assert [given["DeploymentType"] for given in lab.tools.given] == ["AllAtOnce", "AllAtOnce"]
    assert lab.mapping()["State"] == "Enabled"
    variables = lab.variables()
    assert (variables["MODEL_LOCATION"], variables["RUN_ID"]) == (location, training.report.model.run_id)
    assert artifact.digest(artifact.fetch(location, cache_folder=lab.folder)) == sha256
    assert lab.asked == [], "the account is no real one"


def test_the_first_step_of_a_first_deployment_leaves_the_mapping_off(lab: Lab) -> None:
    lab.tools.faults["end"] = DeploymentFailed("")
    with pytest.raises(DeploymentFailed):
        lab.deploy()
    assert lab.mapping()["State"] == "Disabled"
    assert lab.variables()["MODEL_LOCATION"] == ""


@pytest.mark.exhaustive
def test_a_first_deployment_that_broke_off_goes_on(lab: Lab) -> None:
    lab.tools.faults["end"] = DeploymentFailed("")
    with pytest.raises(DeploymentFailed):
        lab.deploy()
    lab.tools.faults.clear()
    lab.deploy()
    assert lab.mapping()["State"] == "Enabled"
    assert lab.tools.given[-1]["DeploymentType"] == "AllAtOnce"


def test_a_ride_goes_through_the_deployed_stack(lab: Lab, training: Training) -> None:
    stack = lab.deploy()
    lab.consume()
    answer = smoke_test.send(stack, RIDE, "", client, lab.console, look=0.5)
    assert answer["version"] == training.report.model.run_id
    assert answer["prediction"]["ride_id"].startswith("deploy-check-")
    again = lab.deploy(event=True)
    assert again.status == "UPDATE_COMPLETE"
    assert "It came through: {'ride_duration'" in lab.said.getvalue()


def test_a_ride_that_is_quarantined_or_never_predicted_is_a_failure(lab: Lab) -> None:
    stack = lab.deploy()
    with pytest.raises(DeploymentFailed, match=r"no prediction after 0 s.*aws logs tail.*make rollback"):
        smoke_test.send(stack, RIDE, "", client, lab.console, patience=0.2, look=0.1)
    lab.consume()
    proof = pytest.MonkeyPatch()
    with proof.context() as patched:
        patched.setattr(smoke_test, "example", lambda task: ("x", b"junk"))
        with pytest.raises(DeploymentFailed, match=r"in quarantine.*undecodable.*make rollback"):
            smoke_test.send(stack, RIDE, "", client, lab.console, look=0.5)


def test_a_model_s_mlmodel_is_uploaded_last_so_that_half_a_model_is_none(training: Training) -> None:
    class Bucket:
        keys: list[str] = []  # noqa: RUF012 - one bucket

        def upload_file(self, path: str, bucket: str, key: str) -> None:
            assert bucket == "b"
            self.keys.append(key)

        def get_paginator(self, operation: str) -> Any:
            return self

        def paginate(self, **where: str) -> list[dict[str, Any]]:
            return []

    folder = training.report.model.folder
    count = chosen.upload(chosen.Chosen("m", folder, "a" * 64, ""), "b", Bucket())
    assert count == len(Bucket.keys) == len([path for path in folder.rglob("*") if path.is_file()])
    assert Bucket.keys[-1] == f"models/{'a' * 64}/MLmodel"


def test_a_paused_consumer_gets_no_ride(lab: Lab) -> None:
    lab.deploy(parameters="Consume=false", event=True)
    assert "no event was sent" in lab.said.getvalue()
    assert lab.tools.given[-1]["Consume"] == "false"
    assert read_all(client("kinesis"), "ride_events") == []


@pytest.mark.exhaustive
def test_a_later_deployment_is_one_step_and_keeps_what_was_chosen(lab: Lab) -> None:
    lab.deploy(parameters="MemorySize=2048 DeploymentType=Linear10PercentEvery1Minute")
    lab.tools.done.clear()
    lab.answers_file.unlink()  # another machine, such as CI's
    lab.deploy(parameters="BatchSize=50")
    assert lab.tools.done.count("deploy") == 1
    last = lab.tools.given[-1]
    assert (last["MemorySize"], last["BatchSize"]) == ("2048", "50")
    assert last["DeploymentType"] == "Linear10PercentEvery1Minute"
    assert "change BatchSize: 500 -> 50" in lab.said.getvalue()
    assert "change DeploymentType" not in lab.said.getvalue()


def published() -> list[dict[str, Any]]:
    """The versions of the one function."""
    functions = client("lambda")
    [function] = functions.list_functions()["Functions"]
    return list(functions.list_versions_by_function(FunctionName=function["FunctionName"])["Versions"])


@pytest.mark.exhaustive
def test_the_same_again_uploads_and_changes_nothing(lab: Lab) -> None:
    lab.deploy()
    before = published()
    lab.deploy()
    assert published() == before
    assert ": 0 files uploaded" in lab.said.getvalue()


def test_the_version_s_logical_id_changes_with_model_image_and_parameters_and_with_nothing_else() -> None:
    """docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html"""
    document = parameters.template()
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/three-ways/rides@sha256:1"
    model = {"ModelLocation": "s3://m/models/a", "ModelSha256": "a" * 64, "RunId": "a"}

    def versions(uri: str = image, **values: str) -> list[str]:
        made = package.packaged(document, {**parameters.defaults(document), **model, **values}, uri)
        return list(of_type(transformed(made, parameters.defaults(made)), "AWS::Lambda::Version"))

    one = versions()
    assert len(one) == 1
    assert versions() == one
    assert versions(BatchSize="7", LogRetentionDays="7") == one
    changes = [{"ModelSha256": "b" * 64}, {"ModelLocation": "s3://m/models/b"}, {"MemorySize": "2048"}]
    others = [versions(**change) for change in changes] + [versions(image.replace(":1", ":2"))]
    assert all(other != one for other in others)


def test_a_model_written_as_literals_turns_the_mapping_on_whatever_parameters_came_before() -> None:
    document = parameters.template()
    model = {"ModelLocation": "s3://m/models/a", "ModelSha256": "a" * 64, "RunId": "a"}
    made = package.packaged(document, {**parameters.defaults(document), **model}, "uri@sha256:1")
    assert made["Parameters"]["ModelLocation"]["Default"] == "s3://m/models/a"
    variables = made["Resources"]["Predictor"]["Properties"]["Environment"]["Variables"]
    assert variables["MODEL_LOCATION"] == "s3://m/models/a"
    stream = variables["PREDICTIONS_STREAM_NAME"]["Fn::If"][1]
    assert stream == {"Ref": "OutputStream"}, "a resource is no parameter"
    assert len(package.text_of(made)) < package.MAX_BYTES
    assert document == parameters.template(), "the document itself stays"


ALSO = {"BatchImageUri": "1.dkr.ecr.eu-west-1.amazonaws.com/batch@sha256:1", "BatchEvents": "s3://b/rides"}
ALSO |= {"WebImageUri": "1.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:1", "BatchPredictions": "s3://b/made"}


@pytest.mark.parametrize(("given", "counts"), [([], (0, 0)), (["WebImageUri"], (0, 4)), (list(ALSO), (6, 4))])
def test_what_a_stack_does_not_make_takes_no_room_of_its_template(given: list[str], counts: object) -> None:
    document = parameters.template()
    values = parameters.defaults(document) | {name: ALSO[name] for name in given}
    made = package.packaged(document, values, "uri@sha256:1")
    conditions = [body.get("Condition") for body in made["Resources"].values()]
    assert (conditions.count("HasBatch"), conditions.count("HasWeb")) == counts
    assert ("WebServiceUrl" in made["Outputs"]) is ("WebImageUri" in given)
    assert package.size(made) < package.MAX_BYTES


_OWN = {
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/0d1e8a8a-1111-2222-3333-444455556666",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:page-the-person-on-call",
}


@pytest.mark.parametrize("labels", ["false", "true"])
@pytest.mark.parametrize("own", [{}, _OWN])
def test_a_join_s_stack_fits_with_all_that_may_be_in_it(labels: str, own: dict[str, str]) -> None:
    """What is only for people goes first, and every alarm and permission stays."""
    document = parameters.template(parameters.JOIN_TEMPLATE)
    values = {**parameters.defaults(document), "Join": "my_package.my_join", "Labels": labels, **own}
    made = package.packaged(document, values, f"123456789012.dkr.ecr/three-ways@sha256:{'a' * 64}")
    assert package.size(made) < package.MAX_BYTES
    resources = made["Resources"]
    dashboard = "Dashboard" in resources
    assert ("DashboardUrl" in made["Outputs"]) is dashboard
    assert dashboard or labels == "true"
    assert ("Judge" in resources, "LiveBias" in resources) == (labels == "true", labels == "true")
    assert [name for name in document["Resources"] if name not in resources] == [
        name
        for name, body in document["Resources"].items()
        if (body.get("Condition") in ("TakesLabels", "MakesLabelsStream") and labels == "false")
        or (name == "Dashboard" and not dashboard)
    ]
    told = resources["EventsWait"]["Properties"]["AlarmDescription"]
    assert ("Runbook: EventsWait in the template." in told) is (labels == "true")
    if "Conditions" not in made:
        assert not any("Condition" in body for body in resources.values())
    if own:
        assert resources["EventsWait"]["Properties"]["AlarmActions"]


def test_a_template_that_cloudformation_would_not_take_is_refused() -> None:
    document = parameters.template()
    document["Description"] = "x" * package.MAX_BYTES
    with pytest.raises(UsageError, match="over CloudFormation's 51,200"):
        package.text_of(document)


def test_a_packaged_template_leaves_what_an_account_has_no_use_for_and_keeps_the_dashboard() -> None:
    document = parameters.template()
    made = package.packaged(document, parameters.defaults(document), "uri@sha256:1")
    assert "checkov" not in package.text_of(made)
    [before, _], [after, names] = (
        one["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"] for one in (document, made)
    )
    assert json.loads(after) == json.loads(before)
    assert "\n" not in after
    assert set(names) == {"InputName", "OutputName"}


def test_at_once_goes_without_codedeploy() -> None:
    document = parameters.template()
    made = package.packaged(document, parameters.defaults(document), "uri@sha256:1")
    plain = transformed(made, parameters.defaults(made))
    at_once = transformed(package.at_once(made), parameters.defaults(made))
    assert len(of_type(plain, "AWS::CodeDeploy::DeploymentGroup")) == 1
    assert of_type(at_once, "AWS::CodeDeploy::DeploymentGroup") == {}
    [alias] = [body for body in at_once["Resources"].values() if body["Type"] == "AWS::Lambda::Alias"]
    assert "UpdatePolicy" not in alias
    assert list(of_type(plain, "AWS::Lambda::Version")) == list(of_type(at_once, "AWS::Lambda::Version"))
    assert package.id_of(made) == package.id_of(package.at_once(made))
    assert json.loads(package.text_of(made)) == made


@pytest.mark.exhaustive
def test_an_alarm_that_rings_would_stop_it_unless_it_goes_at_once(lab: Lab) -> None:
    lab.deploy()
    cloudwatch, steps = client("cloudwatch"), len(lab.tools.done)
    for stack, state in ((STACK, "ALARM"), ("another", "ALARM"), (STACK, "OK")):
        name = f"{stack}-{'QuarantineRate' if state == 'OK' else 'FunctionErrors'}-1A2B"
        cloudwatch.put_metric_alarm(
            AlarmName=name, EvaluationPeriods=1, ComparisonOperator="LessThanThreshold"
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
    with pytest.raises(UsageError, match=r"^rides-FunctionErrors-1A2B rings.*AT_ONCE=1"):
        lab.deploy(parameters="MemorySize=2048")
    assert lab.tools.done[steps:] == ["require"]
    lab.deploy(parameters="MemorySize=2048", at_once=True)
    made = lab.tools.templates[-1]["Resources"]["Predictor"]["Properties"]
    assert made["DeploymentPreference"]["Enabled"] is False


def test_a_no_is_a_no(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = lab.cloud.endpoint_url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - reaches this machine
    monkeypatch.setenv("AWS_ENDPOINT_URL", elsewhere)
    lab.agrees = False
    with pytest.raises(UsageError, match="nothing was touched"):
        lab.deploy()
    assert (lab.asked, lab.tools.done) == (["Go on?"], ["require"])
    assert client("cloudformation").list_stacks()["StackSummaries"] == []
    assert "the real AWS account 123456789012" in lab.said.getvalue()
    assert not lab.answers_file.exists()
    lab.deploy(yes=True)
    assert len(lab.asked) == 1
    assert client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
