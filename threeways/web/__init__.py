"""The web: one event or ten thousand over HTTP, a page for people, and what operators look at."""
