"""scikit-learn's versions: a fitted model is only good for the minor version that fitted it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from threeways.errors import ArtifactMismatch


def require_same_minor(fitted_with: str, where: object) -> None:
    """Raises ArtifactMismatch unless the installed scikit-learn has the same major and minor version."""
    import sklearn

    if _minor(fitted_with) != _minor(sklearn.__version__):
        raise ArtifactMismatch(
            f"{where} was fitted with scikit-learn {fitted_with}, and {sklearn.__version__} is installed; "
            f"install scikit-learn {_minor(fitted_with)}.*, or train the model again with the installed one"
        )


@contextmanager
def requires_same_minor(where: object) -> Iterator[None]:
    """The same for every estimator that is loaded inside: each one tells the version that fitted it.

    An MLmodel can be wrong about that. Another patch version is no reason to refuse, and none to warn.
    """
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InconsistentVersionWarning)
        yield
    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning):
            require_same_minor(warning.message.original_sklearn_version, where)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
