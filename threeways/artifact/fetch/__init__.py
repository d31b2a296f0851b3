"""Where a model's artifact is, and how its files come here."""
