"""The whole pipeline on one machine: events in, predictions out, and a ledger that proves it."""
