"""Watch a run: its state in a file, and a local page that shows it live."""
