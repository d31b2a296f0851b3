"""The whole pipeline on one machine: rides in, predictions out, and a ledger that proves it."""
