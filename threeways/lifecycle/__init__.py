"""The life of a model after its training: what it meets, how good it stays, and what follows."""
