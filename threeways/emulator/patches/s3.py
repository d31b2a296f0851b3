"""Patch moto's S3: of concurrent conditional writes of an object one succeeds, by every way of writing.

moto 5.2.5 checks `If-Match` and `If-None-Match` before it writes, without a lock, and for PutObject alone (of
CompleteMultipartUpload the second, of DeleteObject the first). Here all writes of an object are one after
another, and CopyObject and CompleteMultipartUpload are checked, too.

docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html and conditional-deletes.html: 412 where
the condition does not hold, 404 for `If-Match` where there is no object, 409 where a delete of the object
succeeded after a conditional write had begun and before it was complete.
"""

from __future__ import annotations

import importlib
import time
from threading import RLock
from typing import Any

from threeways.emulator.patches.known import check

DIGEST = "ad248711531e119ed75b117754af0b8314e28b65ab6f8488281822d9c48130e1"
_locks = [RLock() for _ in range(64)]
"""Each object's writes hold the one that its name falls to."""
_deleted: dict[tuple[str, str], float] = {}
"""(bucket, key) -> the monotonic time at which an object was deleted last."""
_CONFLICT = "The conditional request cannot succeed due to a conflicting operation against this resource."
_ASTERISK = "A header you provided implies functionality that is not implemented: If-None-Match takes only *"


def parts() -> list[Any]:
    """Return moto's code that is replaced or relied on."""
    responses: Any = importlib.import_module("moto.s3.responses")
    models: Any = importlib.import_module("moto.s3.models")
    answer = responses.S3Response
    names = (
        "key_response",
        "_key_response",
        "_key_response_put",
        "put_object",
        "copy_object",
        "delete_object",
        "_bucket_response_delete_keys",
    )
    return [*(getattr(answer, name) for name in names), models.S3Backend.delete_object]


def patch() -> None:
    """Patch moto in this process. Raises LocalError if its S3 is not the known one."""
    responses: Any = importlib.import_module("moto.s3.responses")
    models: Any = importlib.import_module("moto.s3.models")
    answer = responses.S3Response
    if hasattr(answer, "began"):
        return
    check("S3", parts(), DIGEST)
    answer.began = 0.0
    answer.key_response = _noting_when_it_began(answer.key_response)
    removal = answer._bucket_response_delete_keys  # noqa: SLF001 - moto's
    answer._bucket_response_delete_keys = _refusing_conditions(removal)  # noqa: SLF001 - moto's
    answer._key_response = _one_write_at_a_time(answer._key_response)  # noqa: SLF001 - moto's
    models.S3Backend.delete_object = _noting_deletes(models.S3Backend.delete_object)


def _noting_when_it_began(respond: Any) -> Any:
    def key_response(self: Any, request: Any, *rest: Any) -> Any:
        self.began = time.monotonic()  # before the body is read
        return respond(self, request, *rest)

    return key_response


def _noting_deletes(delete: Any) -> Any:
    def delete_object(self: Any, bucket_name: str, key_name: str, **more: Any) -> Any:
        was_there = self.get_object(bucket_name, key_name) is not None
        answer = delete(self, bucket_name, key_name, **more)
        if was_there:
            _deleted[bucket_name, key_name] = time.monotonic()
        return answer

    return delete_object


def _one_write_at_a_time(respond: Any) -> Any:
    def key_response(self: Any, request: Any, full_url: str) -> Any:
        if request.method not in {"PUT", "POST", "DELETE"}:
            return respond(self, request, full_url)
        bucket = self.parse_bucket_name_from_url(request, full_url)
        key = self.parse_key_name()
        with _locks[hash((bucket, key)) % len(_locks)]:
            return _refusal(self, request, bucket, key) or respond(self, request, full_url)

    return key_response


def _refusing_conditions(delete: Any) -> Any:
    """Wrap DeleteObjects, whose objects may have an ETag: moto deletes them whatever it is."""

    def delete_keys(self: Any, *given: Any, **more: Any) -> Any:
        if b"<ETag>" in self.body:
            return _error(
                501, "NotImplemented", "An ETag within DeleteObjects: use DeleteObject with If-Match"
            )
        return delete(self, *given, **more)

    return delete_keys


def _refusal(response: Any, request: Any, bucket: str, key: str) -> tuple[int, dict[str, str], str] | None:
    """Return the answer to a conditional write that must not happen; moto's errors are answers, too."""
    from moto.s3.exceptions import MissingKey, PreconditionFailed

    tag, absent = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if tag is None and absent is None:
        return None
    if absent not in {None, "*"}:
        return _error(501, "NotImplemented", _ASTERISK)
    there = response.backend.get_object(bucket, key)
    if there is not None and there.multipart and [there.multipart.id] == response.querystring.get("uploadId"):
        return None  # the retry of a CompleteMultipartUpload that was done
    if request.method != "DELETE" and _deleted.get((bucket, key), 0.0) > response.began:
        return _error(409, "ConditionalRequestConflict", _CONFLICT)
    if absent is not None and there is not None:
        raise PreconditionFailed("If-None-Match")
    if tag is not None and there is None:
        raise MissingKey
    if tag not in {None, "*"} and tag.strip('"') != there.etag.strip('"'):
        raise PreconditionFailed("If-Match")
    return None


def _error(status: int, code: str, message: str) -> tuple[int, dict[str, str], str]:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, {"Content-Type": "application/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
