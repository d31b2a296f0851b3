"""Fetch an artifact's files into a local folder."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from threeways.artifact import limits, mlmodel
from threeways.artifact.fetch import bucket, cache
from threeways.aws.s3 import SCHEME, S3Object, S3Uri
from threeways.errors import ArtifactIncomplete, ArtifactMissing, ArtifactUnsupported, ArtifactUntrusted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TRIES = 3
_CHUNK = 2**20


def fetch(location: str, s3: bucket.S3Factory | None = None, cache_folder: Path | None = None) -> Path:
    """Return a local folder that holds the artifact: the location itself, or a cached copy from S3.

    Files are downloaded in parallel and each size is checked. As long as S3 lists the same keys, sizes and
    ETags, later calls (in a warm container or another process) reuse the copy and download nothing. An object
    that changes during the download restarts it. An incomplete copy is never visible.
    Raises ArtifactMissing, ArtifactUnreachable, ArtifactIncomplete, ArtifactUnsupported or ArtifactUntrusted.
    """
    if not location.startswith(SCHEME):
        return _local(Path(location).expanduser())
    uri = bucket.parse(location)
    client = (s3 or bucket.default_client)()
    for _ in range(_TRIES):
        try:
            return _fetched(client, uri, cache_folder or cache.default_folder())
        except _ChangedError:
            continue
    raise ArtifactIncomplete(f"{uri} keeps changing while it is fetched; wait until its upload has ended")


class _ChangedError(Exception):
    """An object differs from its listing."""


def _local(folder: Path) -> Path:
    if not folder.is_dir():
        what = "a file" if folder.exists() else "not there"
        raise ArtifactMissing(f"{folder} is {what}; MODEL_LOCATION names the folder that holds the MLmodel")
    if not (folder / mlmodel.NAME).is_file():
        below = sorted(str(path.parent) for path in folder.glob(f"*/{mlmodel.NAME}"))
        hint = f"did you mean {' or '.join(below)}?" if below else "name the folder that holds it"
        raise ArtifactMissing(f"there is no MLmodel in {folder}; {hint}")
    return folder


def _fetched(client: S3Client, uri: S3Uri, root: Path) -> Path:
    listing = {_relative(found.key, uri): found for found in bucket.objects(client, uri)}
    _check(uri, listing)
    sizes = {name: found.size for name, found in listing.items()}
    folder = cache.place(root, f"{client.meta.endpoint_url} {uri}", list(listing.values()))
    if cache.holds(folder, sizes):
        return folder
    return cache.fill(folder, sizes, lambda fresh: _download(client, uri, listing, fresh))


def _relative(key: str, uri: S3Uri) -> str:
    name = key.removeprefix(uri.folder)
    if "\\" in name or "\0" in name or any(part in {"", ".", ".."} for part in name.split("/")):
        raise ArtifactUntrusted(
            f"{uri} holds {key!r}, which would be written outside of the artifact's folder"
        )
    return name


def _check(uri: S3Uri, listing: Mapping[str, S3Object]) -> None:
    if mlmodel.NAME not in listing:
        below = sorted(name for name in listing if PurePosixPath(name).name == mlmodel.NAME)[:5]
        near = [f"{uri}/{PurePosixPath(name).parent}" for name in below]
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"among its {len(listing)} objects; correct MODEL_LOCATION"
        )
        raise ArtifactMissing(f"there is no MLmodel at {uri}: {hint}")
    total = sum(found.size for found in listing.values())
    if total > limits.ARTIFACT_BYTES:
        raise ArtifactUnsupported(
            f"{uri} holds {total} bytes, over the {limits.ARTIFACT_BYTES} that are fetched"
        )


def _download(client: S3Client, uri: S3Uri, listing: Mapping[str, S3Object], folder: Path) -> None:
    with ThreadPoolExecutor(bucket.CONNECTIONS) as pool:
        tasks = [
            pool.submit(_download_one, client, uri, found, folder / name) for name, found in listing.items()
        ]
        try:
            for task in as_completed(tasks):
                task.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # the `with` block waits for those under way
            raise


def _download_one(client: S3Client, uri: S3Uri, found: S3Object, path: Path) -> None:
    from botocore.exceptions import ClientError

    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with bucket.errors(uri), path.open("xb") as file:
        try:
            answer = client.get_object(Bucket=uri.bucket, Key=found.key, IfMatch=found.etag)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"PreconditionFailed", "412", "NoSuchKey"}:
                raise _ChangedError(found.key) from error
            raise
        for chunk in answer["Body"].iter_chunks(_CHUNK):
            written += file.write(chunk)
            if written > found.size:
                break
    if written != found.size:
        raise _ChangedError(found.key)
