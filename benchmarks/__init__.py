"""What `make bench` and its like measure, by module; nothing of it ships."""
