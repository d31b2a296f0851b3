"""The floor of a cold start: Python with a Kinesis client, and one call of it. There is no model."""

import os

import boto3

kinesis = boto3.client("kinesis")


def lambda_handler(event, context=None):  # type: ignore[no-untyped-def]  # Lambda's own calling convention
    """Puts what came as it came."""
    records = [
        {"Data": record["kinesis"]["data"], "PartitionKey": record["kinesis"]["partitionKey"]}
        for record in event["Records"]
    ]
    kinesis.put_records(StreamName=os.environ["PREDICTIONS_STREAM_NAME"], Records=records)
    return {"batchItemFailures": []}
