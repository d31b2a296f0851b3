"""The systems: each a folder of tasks with what they need, found by name."""
