"""The stream consumer: Kinesis records in, delivery, quarantine, batch item failures."""
