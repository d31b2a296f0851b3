"""AWS on one machine, for any handler: Kinesis and S3, the Lambda runtime, the event source mapping.

`emulator.Emulator`, `function.LocalFunction`, `mapping.EventSourceMapping`, and `template.load`, which reads
their settings from the SAM template that is deployed.
"""
