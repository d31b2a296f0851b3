"""The ONNX flavour: which graphs are allowed, and the session that runs one."""
