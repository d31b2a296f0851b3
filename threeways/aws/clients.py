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
    session: Any = None,
    **config: Any,
) -> Any:
    """Make a client from the environment: credentials, region and endpoint are found as the AWS CLI does.

    region, endpoint_url: if not the environment's. own_session: read the credentials anew; boto3's default
    session keeps those that it found first. session: another one of boto3's. config: of botocore's `Config`:
    timeouts, retries, connections.
    Raises boto's errors, and ValueError for an endpoint that is no URL.
    """
    import boto3

    session = boto3.Session() if own_session else session
    make: Any = boto3.client if session is None else session.client  # overloads by literal name
    return make(service, region_name=region, endpoint_url=endpoint_url, config=_config(config))


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
