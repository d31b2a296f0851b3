"""The ONNX flavour: a graph's bytes, what is allowed in them, and the session that runs it."""
