"""What each role may touch, and that no secret is a parameter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_stack_template import DOCUMENT, listed, resolved
from transformed import of_type

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rides-db-AbCdEf"
OTHER = "arn:aws:secretsmanager:us-east-1:123456789012:secret:out/db-AbCdEf"


def batch(**given: str) -> dict[str, dict[str, Any]]:
    """The statements of the batch job's role, by their Sid."""
    [policy] = of_type(resolved(**given), "AWS::IAM::Role")["BatchJobRole"]["Policies"]
    return {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}


def test_the_batch_job_reads_its_events_and_writes_its_predictions_and_nothing_else_of_a_bucket() -> None:
    found = batch(BatchEvents="s3://data/in/2021-*.parquet", BatchPredictions="s3://data/out")
    assert found["ReadEvents"]["Resource"] == "arn:aws:s3:::data/in/2021-*.parquet"
    assert listed(found["ReadEvents"]["Action"]) == ["s3:GetObject"]
    assert found["WritePredictions"]["Resource"] == "arn:aws:s3:::data/out/*"
    assert not {"ListEvents", "ReadEventsUrl", "ReadPredictionsUrl"} & found.keys()
    assert batch(BatchBucketArn="arn:aws:s3:::data")["ListEvents"]["Action"] == "s3:ListBucket"


def test_the_batch_job_reads_the_two_secrets_that_it_is_given_and_no_other() -> None:
    found = batch(BatchEventsSecretArn=SECRET, BatchPredictionsSecretArn=OTHER)
    for sid, arn in (("ReadEventsUrl", SECRET), ("ReadPredictionsUrl", OTHER)):
        assert (found[sid]["Action"], found[sid]["Resource"]) == ("secretsmanager:GetSecretValue", arn)
    assert not {"ReadEvents", "WritePredictions"} & found.keys()
    made = resolved(BatchEventsSecretArn=SECRET, BatchPredictionsSecretArn=OTHER)
    variables = made["Resources"]["BatchJob"]["Properties"]["Environment"]["Variables"]
    assert (variables["BATCH_RIDES"], variables["BATCH_PREDICTIONS"]) == (SECRET, OTHER)
    text = json.dumps(made)
    assert "secretsmanager" not in text.replace(SECRET, "").replace(OTHER, "").replace(
        "secretsmanager:GetSecretValue", ""
    )


def test_no_parameter_takes_a_secret() -> None:
    for name, body in DOCUMENT["Parameters"].items():
        assert "NoEcho" not in body, (
            f"{name} would stand in clear in templates, change sets and their records"
        )
    for name in ("BatchEvents", "BatchPredictions"):
        assert "SecretArn" in DOCUMENT["Parameters"][name]["ConstraintDescription"]


@pytest.mark.parametrize("given", [{}, {"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}])
def test_no_role_may_touch_the_records_of_deployments(given: dict[str, str]) -> None:
    made = resolved(**given)
    for name, role in of_type(made, "AWS::IAM::Role").items():
        assert "DeploymentsBucket" not in json.dumps(role), name
    assert "VersioningConfiguration" in made["Resources"]["DeploymentsBucket"]["Properties"]


@pytest.mark.parametrize("role", ["DeploymentRole", "BatchScheduleRole"])
def test_a_service_that_takes_a_role_does_so_for_this_account_alone(role: str) -> None:
    """docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"""
    [statement] = of_type(resolved(), "AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
