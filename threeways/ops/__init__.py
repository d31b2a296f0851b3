"""What touches a real account: deploy, replay, quarantine, capacity, doctor."""
