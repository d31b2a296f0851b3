"""`make plan`: what a deployment needs for a rate, what it costs, and what breaks first."""
