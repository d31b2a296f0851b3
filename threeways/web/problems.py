"""Errors as problem details: RFC 9457, www.rfc-editor.org/rfc/rfc9457.

`code` is the error's name in quarantine and in metrics: an event is refused here for the reason for which the
stream would set it aside.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from threeways.errors import ModelFailed, PermanentError, TransientError, UndecodableEvent

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "1"}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong with a request. `detail` is for people; `code` and `status` are for programs."""

    title: str
    status: int
    detail: str
    request_id: str
    code: str | None = None


class SlowBody(Exception):
    """The request's body did not arrive within its time limit."""


class RequestRefused(Exception):
    """A request that is refused before its body is decoded."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}


def plain_answer(status: int, detail: str) -> bytes:
    """Return a whole HTTP answer with a problem, after which the connection is closed."""
    phrase = HTTPStatus(status).phrase
    body = msgspec.json.encode({"title": phrase, "status": status, "detail": detail})
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), "connection": "close"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers |= RETRY_AFTER
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def code_of(error: PermanentError | TransientError) -> str:
    """Return the error's code in answers; all transient errors have one code."""
    return error.code if isinstance(error, PermanentError) else "try_again"


def problem_of(error: Exception, request_id: str) -> tuple[Problem, dict[str, str]]:
    """Return the problem for an exception, and the answer's further headers."""
    headers: dict[str, str] = {}
    code = None
    if isinstance(error, PermanentError):
        status = (
            HTTPStatus.BAD_REQUEST if isinstance(error, UndecodableEvent) else HTTPStatus.UNPROCESSABLE_ENTITY
        )
        detail, code = str(error), error.code
    elif isinstance(error, TransientError):
        status, detail, code, headers = (
            HTTPStatus.SERVICE_UNAVAILABLE,
            str(error),
            code_of(error),
            RETRY_AFTER,
        )
    elif isinstance(error, SlowBody):
        status, detail = HTTPStatus.REQUEST_TIMEOUT, str(error)
    elif isinstance(error, TimeoutError):
        status, detail, headers = (
            HTTPStatus.SERVICE_UNAVAILABLE,
            "no answer within the time limit",
            RETRY_AFTER,
        )
    elif isinstance(error, RequestRefused):
        status, detail, headers = HTTPStatus(error.status), str(error), error.headers
    elif isinstance(error, HTTPException):
        status, detail, headers = HTTPStatus(error.status_code), error.detail, dict(error.headers or {})
    else:
        status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log has this request's id"
        code = "model_failed" if isinstance(error, ModelFailed) else None
    return (
        Problem(title=status.phrase, status=status.value, detail=detail, request_id=request_id, code=code),
        headers,
    )


_EMPTY = UndecodableEvent("Input data was truncated (byte 0)")
"""The error of an empty body. Litestar does not decode one, but reports that `data` is missing."""


def handle_exception(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Handle any exception: Litestar's exception handler."""
    request_id = request.scope.get("state", {}).get("request_id", "")
    if isinstance(error, ValidationException):
        error = _EMPTY
    problem, headers = problem_of(error, request_id)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("request %s failed", request_id, exc_info=error)
    if problem.code:
        request.scope["state"]["problem"] = problem.code
    return Response(
        content=msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )
