"""Locate a model's artifact and fetch its files."""
