"""New York's taxi rides: the event, its features, the tasks, and TLC's files."""
