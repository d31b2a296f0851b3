"""`make plan`: size a deployment for a rate, its cost, and its first bottleneck."""
