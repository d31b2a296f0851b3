"""A run with late labels: events in, predictions, what really happened a while later, live error out."""
