"""What speaks with AWS, each thing once: clients, errors, calls within a deadline."""
