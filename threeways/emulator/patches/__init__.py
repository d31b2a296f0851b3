"""Patches of moto's DynamoDB, S3 and SQS: concurrent requests have the outcome that AWS documents.

moto serves each request in a thread of its own and locks nothing: it reads, checks and writes. Kinesis is
patched by `emulator.moto_patch` when the emulator starts; these services when the first request for one
comes, so that the start imports none of them.
"""

from __future__ import annotations

from threeways.emulator.patches import dynamodb, s3, sqs

_PATCHES = {"dynamodb": dynamodb.patch, "dynamodbstreams": dynamodb.patch, "s3": s3.patch, "sqs": sqs.patch}


def patch_service(service: str) -> None:
    """Patch moto's service in this process, if there is a patch of it. Idempotent.

    Raises LocalError where moto's code is not the known one.
    """
    if service in _PATCHES:
        _PATCHES[service]()
