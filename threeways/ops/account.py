"""Clients for the AWS account of the user's own environment, and which account that is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from threeways.aws import clients, errors
from threeways.errors import LocationError
from threeways.settings import inherited_environment

HERE = {"127.0.0.1", "localhost", "::1"}

type Client = Callable[[str], Any]
"""A boto3 client, by the service's name."""


def client(service: str, *, region: str | None = None, **options: Any) -> Any:
    """Make a client for the account of the user's environment.

    region: if not the environment's, where boto3 knows AWS_DEFAULT_REGION only and the other SDKs know
    AWS_REGION. options: of boto3's `Config`. Raises LocationError without a region, or
    for an endpoint that is no URL.
    """
    retries = {"mode": "standard", "total_max_attempts": 5}
    config: Any = {"connect_timeout": 5, "retries": retries, **options}
    with named_faults(f"there is no client for {service}", ValueError):
        return clients.client(service, region=region or inherited_environment().get("AWS_REGION"), **config)


def of_region(region: str) -> Client:
    """Clients for a region, one a service."""
    return functools.cache(lambda service: client(service, region=region))


def region() -> str | None:
    """Return the region of the user's environment or profile, if it has one. Raises LocationError."""
    import boto3

    with named_faults("the AWS region cannot be told"):
        return inherited_environment().get("AWS_REGION") or boto3.Session().region_name


def is_real(*used: Any) -> bool:
    """Whether any of these clients works on somebody's account: its endpoint is not on this machine."""
    return any(urlsplit(made.meta.endpoint_url).hostname not in HERE for made in used)


def whose(*used: Any) -> str:
    """Describe what clients work on: the account and region (or the endpoint on this machine)."""
    made = next(filter(is_real, used), None)
    if made is None:
        return f"no real account: {used[0].meta.endpoint_url}"
    with named_faults("it cannot be told which AWS account this would be"):
        identity = client("sts", region=made.meta.region_name).get_caller_identity()
    return (
        f"the real AWS account {identity['Account']} as {identity['Arn']}, region {made.meta.region_name}, "
        f"endpoint {made.meta.endpoint_url}"
    )


def named_faults(what: str, *also: type[Exception]) -> AbstractContextManager[None]:
    """Errors of boto's, and `also` these, as a LocationError that says what cannot be done, and why."""
    mend = "Mend the name, the credentials (AWS_PROFILE, …), AWS_REGION, AWS_ENDPOINT_URL or the permissions"

    def explained(error: Exception) -> LocationError:
        if type(error).__name__ == "NoRegionError":
            return LocationError(f"{what}: no AWS region is given; give one, such as AWS_REGION=eu-west-1")
        return LocationError(f"{what}: {str(error).rstrip('.')}. {mend}")

    return errors.named(explained, *also)
