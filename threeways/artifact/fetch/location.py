"""Resolve the artifact's location: an explicit one, or the single model of an MLflow run in a bucket."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from threeways.artifact import limits, mlmodel
from threeways.artifact.fetch import bucket
from threeways.aws.s3 import SCHEME, S3Uri
from threeways.errors import (
    ArtifactAmbiguous,
    ArtifactMissing,
    ArtifactUnsupported,
    SettingsError,
)
from threeways.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TRACKED = ("models:", "runs:", "mlflow-artifacts:", "http:", "https:")


def find(settings: Settings, s3: bucket.S3Factory | None = None) -> str:
    """Return the artifact's location: a folder's path, or `s3://bucket/prefix`.

    `MODEL_LOCATION` is used as given. Without it, the model of `RUN_ID` is looked up in `MODEL_BUCKET` (which
    may include a prefix), in MLflow 2's layout, `<experiment>/<run>/artifacts/<name>`, and in MLflow 3's,
    `<experiment>/models/m-<id>/artifacts`, whose MLmodel names its run: it is searched for that line, and
    not parsed, as no digest vouches for it yet. Needs s3:ListBucket.
    Raises SettingsError, ArtifactMissing, ArtifactAmbiguous, ArtifactUnreachable or ArtifactUnsupported.
    """
    if settings.model_location:
        return _explicit(settings.model_location)
    if not settings.model_bucket or not settings.run_id:
        raise SettingsError(
            "no model was named; set MODEL_LOCATION to a folder or s3://bucket/prefix, "
            "or MODEL_BUCKET, MLFLOW_EXPERIMENT_ID and RUN_ID to where MLflow put it"
        )
    root = bucket.parse(SCHEME + settings.model_bucket.removeprefix(SCHEME))
    experiment = root.under(settings.mlflow_experiment_id)
    client = (s3 or bucket.default_client)()
    found = _mlflow_2(client, experiment, settings.run_id) + _mlflow_3(client, experiment, settings.run_id)
    if not found:
        raise ArtifactMissing(
            f"no model of run {settings.run_id} under {experiment}; check RUN_ID, MLFLOW_EXPERIMENT_ID and "
            f"MODEL_BUCKET, or set MODEL_LOCATION"
        )
    if len(found) > 1:
        raise ArtifactAmbiguous(
            f"run {settings.run_id} has {len(found)} models; set MODEL_LOCATION to one of: {', '.join(found)}"
        )
    return found[0]


def _explicit(location: str) -> str:
    if location.startswith(_TRACKED):
        raise ArtifactUnsupported(
            f"MODEL_LOCATION={location} needs a tracking server, and there is none at run time; "
            f"resolve it when deploying, to s3://bucket/prefix or a folder"
        )
    if location.startswith(SCHEME):
        return str(bucket.parse(location))
    return location.removeprefix("file://")


def _mlflow_2(client: S3Client, experiment: S3Uri, run_id: str) -> list[str]:
    artifacts = experiment.under(run_id, "artifacts")
    suffix = f"/{mlmodel.NAME}"
    return [
        str(S3Uri(artifacts.bucket, found.key.removesuffix(suffix)))
        for found in bucket.objects(client, artifacts)
        if found.key.endswith(suffix)
    ]


def _mlflow_3(client: S3Client, experiment: S3Uri, run_id: str) -> list[str]:
    models = experiment.under("models")
    places = [
        models.under(name, "artifacts") for name in bucket.folders(client, models) if name.startswith("m-")
    ]
    with ThreadPoolExecutor(bucket.CONNECTIONS) as pool:
        texts = list(pool.map(lambda place: _text_of(client, place), places))
    line = re.compile(rb"^run_id: *(['\"]?)%s\1 *\r?$" % re.escape(run_id.encode()), re.MULTILINE)
    return [str(place) for place, text in zip(places, texts, strict=True) if line.search(text)]


def _text_of(client: S3Client, place: S3Uri) -> bytes:
    """Return the MLmodel at a location, unparsed: most are of other people; b"" where there is none."""
    try:
        with bucket.errors(place):
            answer = client.get_object(Bucket=place.bucket, Key=place.under(mlmodel.NAME).prefix)
            return answer["Body"].read(limits.MLMODEL_BYTES)
    except ArtifactMissing:
        return b""
