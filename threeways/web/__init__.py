"""The web: one ride or ten thousand over HTTP, a page for people, and what operators look at."""
