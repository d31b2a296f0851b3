"""`make torture`: the whole pipeline under a schedule of faults, and what became of every event."""
