"""Check scikit-learn's version: a fitted model is only valid for the minor version that fitted it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from threeways.errors import ArtifactMismatch, ArtifactUntrusted

_OLDEST = (1, 5)
"""The oldest scikit-learn with a wheel for Python 3.13: scikit-learn.org/stable/whats_new/v1.5.html"""


def require_same_minor(fitted_with: str, where: object) -> None:
    """Raise ArtifactMismatch unless the installed scikit-learn has the same major and minor version."""
    import sklearn

    if minor(fitted_with) != minor(sklearn.__version__):
        raise ArtifactMismatch(
            f"{where} was fitted with scikit-learn {fitted_with}, and {sklearn.__version__} is installed; "
            f"train and log the model again with that (pip install scikit-learn=={sklearn.__version__})"
            f"{_or_lock(fitted_with)}"
        )


@contextmanager
def requires_same_minor(where: object) -> Iterator[None]:
    """Check every estimator that is unpickled inside the block; each one states the version that fitted it.

    An MLmodel can be wrong about that. Another patch version is accepted without a warning.
    """
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InconsistentVersionWarning)
        yield
    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning):
            stated = warning.message.original_sklearn_version
            if not isinstance(stated, str):
                raise ArtifactUntrusted(f"{where} states {stated!r:.80} as its version; log the model again")
            require_same_minor(stated, where)


def minor(version: str) -> str:
    """Return the major and minor part of a version."""
    return ".".join(version.split(".")[:2])


def _or_lock(fitted_with: str) -> str:
    """Word the alternative, if that version exists for this Python: install it here."""
    parts = minor(fitted_with).split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts):
        return ""
    if tuple(map(int, parts)) < _OLDEST:
        return f"; there is no scikit-learn {minor(fitted_with)} for the Python that runs here"
    return (
        f', or set scikit-learn = "=={minor(fitted_with)}.*" in [sklearn] of the Pipfile and run `make lock`'
    )
