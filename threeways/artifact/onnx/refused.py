"""The word for what is found in an ONNX file, within the modules that look for it."""

from __future__ import annotations


class Refused(Exception):
    """What no served graph does; the message goes on after the file's name."""
