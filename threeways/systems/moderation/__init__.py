"""Moderation of uploads: four consumers judge an upload, a decision service joins their verdicts."""
