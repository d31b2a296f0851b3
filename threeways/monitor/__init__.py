"""`threeways monitor`: counts, tables of events, label outcomes and quarantine in; what changed, out."""
