"""A model's whole life on one machine: it is watched, the world changes, and a better one takes over."""
