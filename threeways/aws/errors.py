"""Turn the SDK's exceptions into this package's errors, those of S3 by what went wrong.

docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html has the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum

from threeways.errors import ThreewaysError


class Fault(Enum):
    """What went wrong with S3. Its value goes on after the name of what was asked for."""

    NO_BUCKET = "its bucket does not exist"
    NO_OBJECT = "there is no such object"
    DENIED = "access is denied"
    REFUSED = "S3 refuses"
    NO_NAME = "that can be no bucket's or object's name"
    NO_CREDENTIALS = "there are no AWS credentials"
    UNREACHABLE = "S3 cannot be reached"


_CODES = {"NoSuchBucket": Fault.NO_BUCKET}
_CODES |= dict.fromkeys(("NoSuchKey", "404", "NotFound"), Fault.NO_OBJECT)
_CODES |= dict.fromkeys(
    ("AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"),
    Fault.DENIED,
)


@contextmanager
def named(error_for: Callable[[Exception], ThreewaysError], *also: type[Exception]) -> Iterator[None]:
    """Raise the error that is made for an exception of botocore or boto3 inside.

    also: what else it is made for, such as the ValueError of a client for an endpoint that is no URL.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    kinds: tuple[type[Exception], ...] = (ClientError, BotoCoreError, Boto3Error, *also)
    try:
        yield
    except kinds as error:
        raise error_for(error) from error


def of_s3(
    what: str, error_for: Callable[[Fault, str], ThreewaysError], *also: type[Exception]
) -> AbstractContextManager[None]:
    """Do as `named`, for S3: tell the error which fault it was.

    error_for: is given the fault and the sentence that says it of `what`; the mend is for it to add.
    """

    def told_apart(error: Exception) -> ThreewaysError:
        fault, detail = _told_apart(error)
        return error_for(fault, f"{what}: {fault.value} ({detail})")

    return named(told_apart, *also)


def _told_apart(error: Exception) -> tuple[Fault, str]:
    from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError

    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        return (_CODES[code], code) if code in _CODES else (Fault.REFUSED, str(error))
    if isinstance(error, NoCredentialsError):
        return Fault.NO_CREDENTIALS, str(error)
    return Fault.NO_NAME if isinstance(error, ParamValidationError) else Fault.UNREACHABLE, str(error)
