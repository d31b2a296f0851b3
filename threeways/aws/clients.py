"""Make boto3 clients. How often and how long a call is tried is each caller's own to say.

boto3 is imported when the first client is made, so that what needs none starts without it.
"""

from __future__ import annotations

import os
from typing import Any

from threeways import __version__

USER_AGENT = f"three-ways/{__version__}"
"""Ends the SDK's own user agent, by which CloudTrail and S3's access logs show who made a call."""


def client(
    service: str,
    *,
    region: str | None = None,
    endpoint_url: str | None = None,
    own_session: bool = False,
    **config: Any,
) -> Any:
    """Make a client from the environment: credentials, region and endpoint are found as the AWS CLI does.

    region, endpoint_url: if not the environment's. own_session: read the credentials anew; boto3's default
    session keeps those that it found first. config: of botocore's `Config`: timeouts, retries, connections.
    Raises boto's errors, and ValueError for an endpoint that is no URL.
    """
    import boto3

    make: Any = boto3.Session().client if own_session else boto3.client  # overloads by literal name
    return make(service, region_name=region, endpoint_url=endpoint_url, config=_config(config))


def core_session() -> Any:
    """Return a session of botocore's, which finds what boto3's does, in half of the time of a cold start."""
    from botocore.session import get_session

    return get_session()


def core_client(session: Any, service: str, *, endpoint_url: str | None = None, **config: Any) -> Any:
    """Make a client as `client` does, of a session of botocore's."""
    return session.create_client(service, endpoint_url=endpoint_url, config=_config(config))


def isolated(service: str, *, region: str, endpoint_url: str, key_id: str, secret: str, **config: Any) -> Any:
    """Make a client of these credentials that reads no profile, no file and no proxy of the environment."""
    import boto3
    from botocore.session import Session

    nowhere: dict[str, Any] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session: Any = boto3.Session(
        botocore_session=Session(session_vars=nowhere),
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        region_name=region,
    )
    return session.client(service, endpoint_url=endpoint_url, config=_config({"proxies": {}, **config}))


def _config(given: dict[str, Any]) -> Any:
    from botocore.config import Config

    return Config(user_agent_extra=USER_AGENT, **given)
