"""AWS on one machine for any handler: Kinesis, S3, SQS and SNS, the Lambda runtime, the event source mapping.

See `server.Emulator`, `function.LocalFunction`, `mapping.EventSourceMapping`, and `template.load`, which
reads their settings from the SAM template that is deployed.
"""
