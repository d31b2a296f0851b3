"""Retrain a model on the newest labelled events, and judge it against the one that serves."""
