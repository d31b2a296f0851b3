"""Review what a join leaves to people: a local page that lists it and takes verdicts."""
