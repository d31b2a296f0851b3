"""The batch job: a table of events in, a table of predictions out, by intervals of their time.

Events come from a database or from parquet files, by chunks; each chunk is one `predict` on the one scoring
path. A run leaves all of its predictions or none, and a run that is repeated leaves the same rows.
"""
