"""What a model was trained on, counted into bins: `reference.json` beside its MLmodel, for monitoring."""

from threeways.artifact.reference.structure import (
    FILE,
    Bins,
    Errors,
    Reference,
    encode,
    parse,
    read,
    read_or_none,
)

__all__ = ["FILE", "Bins", "Errors", "Reference", "encode", "parse", "read", "read_or_none"]
