"""Kinesis: records in, delivery out, quarantine, batch failures."""
