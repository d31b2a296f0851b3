"""The one scoring path: payloads to events, events to features, features to predictions."""
