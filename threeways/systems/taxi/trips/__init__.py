"""Taxi trips in TLC's schema: read, cleaned, or made up by the synthetic city."""
