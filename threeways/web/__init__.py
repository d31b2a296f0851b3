"""The web service: single events or batches over HTTP, a page for people, and metrics for operators."""
