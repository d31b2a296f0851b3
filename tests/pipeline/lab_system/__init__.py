"""A system of a user's own: two consumers of rides, and a join that waits for both."""
