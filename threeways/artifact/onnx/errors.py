"""The exception that the checks of an ONNX graph raise."""

from __future__ import annotations


class GraphNotAllowed(Exception):
    """The graph is not allowed; the message is worded to follow the file's name."""
