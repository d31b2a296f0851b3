"""Speak with AWS: clients, places in S3, shards of Kinesis, errors, calls within a deadline, CloudFormation.

Each stands here once, for whatever is served, emulated or deployed.
"""
