"""What botocore and boto3 raise, as it is told to whoever uses AWS."""

from __future__ import annotations

from typing import Any

import pytest
from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from threeways.artifact.fetch import bucket
from threeways.aws import errors
from threeways.aws import s3_files as s3
from threeways.aws.errors import Fault
from threeways.aws.s3 import S3Uri
from threeways.errors import ArtifactError, ArtifactMissing, ArtifactUnreachable, DataError, LocationError
from threeways.ops import account

MODEL = S3Uri("models", "7")


def answer(code: str, status: int = 400) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "so it is"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "GetObject")


ERRORS: list[tuple[Exception, Fault, type[ArtifactError]]] = [
    (answer("NoSuchBucket"), Fault.NO_BUCKET, ArtifactMissing),
    (answer("NoSuchKey"), Fault.NO_OBJECT, ArtifactMissing),
    (answer("404"), Fault.NO_OBJECT, ArtifactMissing),  # of a HEAD, whose answer has no body
    (answer("AccessDenied"), Fault.DENIED, ArtifactUnreachable),
    (answer("403"), Fault.DENIED, ArtifactUnreachable),
    (answer("SlowDown", 503), Fault.REFUSED, ArtifactUnreachable),
    (ClientError({}, "GetObject"), Fault.REFUSED, ArtifactUnreachable),
    (ParamValidationError(report="Bad_Bucket"), Fault.NO_NAME, ArtifactMissing),
    (NoCredentialsError(), Fault.NO_CREDENTIALS, ArtifactUnreachable),
    (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), Fault.UNREACHABLE, ArtifactUnreachable),
    (ReadTimeoutError(endpoint_url="http://127.0.0.1:9"), Fault.UNREACHABLE, ArtifactUnreachable),
    (Boto3Error("the transfer"), Fault.UNREACHABLE, ArtifactUnreachable),
]
EACH = pytest.mark.parametrize(
    ("error", "fault", "kind"), ERRORS, ids=lambda one: one.name if isinstance(one, Fault) else None
)


@EACH
def test_each_is_told_apart_with_what_it_says(error: Exception, fault: Fault, kind: object) -> None:
    found: list[Fault] = []

    def error_for(told: Fault, sentence: str) -> LocationError:
        found.append(told)
        return LocationError(sentence)

    with (
        pytest.raises(LocationError, match=f"^the thing: {fault.value} ") as raised,
        errors.of_s3("the thing", error_for),
    ):
        raise error
    assert found == [fault]
    assert raised.value.__cause__ is error
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else str(error)
    assert code in str(raised.value)


@EACH
def test_readers_of_models_and_of_rides_add_their_mend(
    error: Exception, fault: Fault, kind: type[ArtifactError]
) -> None:
    says = rf"{fault.value} (.|\n)*; \w+"
    with pytest.raises(kind, match=f"^s3://models/7: {says}") as told, bucket.errors(MODEL):
        raise error
    assert ("arn:aws:s3:::models/*" in str(told.value)) == (fault is Fault.DENIED)
    ours = s3._faults_named("s3://rides/a", "RIDES")
    with pytest.raises(DataError, match=f"^RIDES: s3://rides/a: {says}"), ours:
        raise error


@EACH
def test_what_cannot_be_done_with_another_service_is_said_with_the_reason(
    error: Exception, fault: Fault, kind: object
) -> None:
    says = r"^it cannot be sent: (.|\n)+\. Mend the name, "
    with pytest.raises(LocationError, match=says) as raised, account.named_faults("it cannot be sent"):
        raise error
    assert str(error) in str(raised.value)


def test_no_other_error_is_taken_for_one_of_s3_s() -> None:
    with pytest.raises(OSError, match="no room"), bucket.errors(MODEL):
        raise OSError("no room")


def test_an_error_is_taken_for_one_of_s3_s_where_it_is_asked_for() -> None:
    also = errors.of_s3("the thing", lambda _, told: LocationError(told), ValueError)
    with pytest.raises(LocationError, match=r"^the thing: S3 cannot be reached \(no URL\)$"), also:
        raise ValueError("no URL")
