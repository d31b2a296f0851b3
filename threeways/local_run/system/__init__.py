"""A run of a whole system: consumers of one stream, the join of their verdicts, and what it decides."""
