"""Run each documented behaviour of an event source mapping on moto and LocalStack, and say what they did."""
