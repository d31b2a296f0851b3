"""The table of invariants, class by class: what an object of each may have, and how that fits together."""
