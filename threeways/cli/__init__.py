"""The command line: `python -m threeways …`, which the Makefile's targets call."""
