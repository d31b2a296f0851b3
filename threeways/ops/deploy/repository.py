"""The image's repository in ECR: the stack's own, or one that was named.

docs.aws.amazon.com/lambda/latest/dg/images-create.html: it has to be in the function's region.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from threeways.errors import UsageError
from threeways.ops import account

TAG = "three-ways:stack"
"""Tells whose a repository is: only the stack's own is removed with it."""
_URI = re.compile(
    r"[0-9]{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[a-z0-9._/-]+)"
)


@dataclass(frozen=True)
class Login:
    """How Docker gets into a registry. uri: the repository's. password: valid for twelve hours."""

    uri: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.uri})"


def require(uri: str, region: str, ecr: Any) -> None:
    """Raise UsageError unless this can be a repository of the region, LocationError where it is not there."""
    found = _URI.fullmatch(uri)
    if not found:
        raise UsageError(
            f"REPOSITORY={uri} is no ECR repository: write account.dkr.ecr.region.amazonaws.com/name"
        )
    if found["region"] != region:
        raise UsageError(f"REPOSITORY={uri} is in {found['region']}: Lambda wants one in {region}")
    with account.named_faults(f"REPOSITORY={uri} cannot be used"):
        ecr.describe_repositories(repositoryNames=[found["name"]])


def example(region: str) -> str:
    """Return the URI of an image that need not be there, for a template that is only looked at."""
    return f"123456789012.dkr.ecr.{region}.amazonaws.com/three-ways@sha256:{'0' * 64}"


def own_name(stack: str) -> str:
    """Return the name of a stack's own repository."""
    return f"three-ways/{stack.lower()}"


def own(stack: str, ecr: Any) -> str:
    """Return the URI of the stack's own repository, which is made where there is none.

    docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
    """
    with account.named_faults("the image's repository cannot be made"):
        try:
            made = ecr.create_repository(
                repositoryName=own_name(stack),
                imageScanningConfiguration={"scanOnPush": True},
                tags=[{"Key": TAG, "Value": stack}],
            )["repository"]
        except ecr.exceptions.RepositoryAlreadyExistsException:
            [made] = ecr.describe_repositories(repositoryNames=[own_name(stack)])["repositories"]
    return str(made["repositoryUri"])


def login(uri: str, ecr: Any) -> Login:
    """Return what Docker needs to push to a repository.

    docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
    """
    with account.named_faults(f"{uri} cannot be logged in to"):
        [data] = ecr.get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return Login(uri, user, password)


def has_image(image: str, ecr: Any) -> bool:
    """Whether an image by digest, `repository@sha256:…`, is still there. Raises LocationError."""
    uri, _, digest = image.partition("@")
    name = uri.partition("/")[2]
    with account.named_faults(f"{image} cannot be looked up"):
        try:
            ecr.describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
        except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
            return False
    return True


def owned(stack: str, ecr: Any) -> str | None:
    """Return the name of the repository that a stack's deployments made; None where there is none."""
    with account.named_faults("the image's repository cannot be looked up"):
        try:
            [found] = ecr.describe_repositories(repositoryNames=[own_name(stack)])["repositories"]
        except ecr.exceptions.RepositoryNotFoundException:
            return None
        tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    return own_name(stack) if {"Key": TAG, "Value": stack} in tags else None
