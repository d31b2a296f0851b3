"""What was deployed, each deployment whole, in a bucket of its own: what `make rollback` goes to.

Nothing that runs in the stack may write that bucket, or read it: who could write a record would have the next
rollback deploy it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from threeways.aws.s3 import objects
from threeways.errors import UsageError
from threeways.ops import account
from threeways.ops.deploy.parameters import Document
from threeways.ops.deploy.smoke_test import Example
from threeways.ops.deploy.stack import Stack

PREFIX = "deployments"
OUTPUT = "DeploymentsBucket"


class Deployment(msgspec.Struct, frozen=True):
    """One deployment. id: of its template. before: the id of the one that it took the place of.

    model: as people know it, or the join. model_location: `s3://bucket/prefix`; "" of a join. image:
    its URI, by digest. template: as it was deployed, its parameters' values as their defaults. example: an
    event of it, None where none is recorded.
    """

    id: str
    before: str | None
    deployed: datetime
    model: str
    model_location: str
    image: str
    template: Document
    example: Example | None = None

    def __str__(self) -> str:
        digest = self.image.rpartition("@")[2][:19]
        return f"{self.id} of {self.deployed:%Y-%m-%d %H:%M} UTC: {self.model}, image {digest}"


def of(stack: Stack, s3: Any) -> History:
    """Return a stack's deployments. Those from before it had a bucket for them are in its model bucket."""
    models = None if stack.is_join else stack.output("ModelBucket")
    return History(stack.outputs.get(OUTPUT) or stack.output("ModelBucket"), s3, models)


class History:
    """The deployments of a stack, in a bucket. Raises LocationError where that cannot be used.

    older: a bucket that they are also looked for in.
    """

    def __init__(self, bucket: str, s3: Any, older: str | None = None) -> None:
        self._bucket, self._s3 = bucket, s3
        self._read = list(dict.fromkeys((bucket, older or bucket)))

    def add(self, deployment: Deployment) -> None:
        """Keep one that is there now. One that took its own place is kept as it was."""
        if deployment.before == deployment.id:
            return
        with account.named_faults(f"the deployment cannot be recorded in {self._bucket}"):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=f"{PREFIX}/{deployment.id}.json",
                Body=msgspec.json.encode(deployment),
            )

    def get(self, deployment_id: str) -> Deployment | None:
        """Return the deployment of an id; None where it is not known."""
        return next((found for one in self._read if (found := self._in(one, deployment_id))), None)

    def all(self) -> list[Deployment]:
        """Every deployment, the newest first."""
        keys = [key for bucket in self._read for key in self._keys(bucket)]
        ids = dict.fromkeys(key.removeprefix(f"{PREFIX}/").removesuffix(".json") for key in keys)
        found = [deployment for one in ids if (deployment := self.get(one))]
        return sorted(found, key=lambda deployment: deployment.deployed, reverse=True)

    def _keys(self, bucket: str) -> list[str]:
        with account.named_faults(f"the deployments in {bucket} cannot be listed"):
            return [found.key for found in objects(self._s3, bucket, f"{PREFIX}/")]

    def _in(self, bucket: str, deployment_id: str) -> Deployment | None:
        with account.named_faults(f"the deployments in {bucket} cannot be read"):
            try:
                answer = self._s3.get_object(Bucket=bucket, Key=f"{PREFIX}/{deployment_id}.json")
            except self._s3.exceptions.NoSuchKey:
                return None
            body: bytes = answer["Body"].read()
        try:
            return msgspec.json.decode(body, type=Deployment)
        except msgspec.DecodeError as error:
            raise UsageError(
                f"s3://{bucket}/{PREFIX}/{deployment_id}.json is no deployment: {error}; name another, TO="
            ) from None
