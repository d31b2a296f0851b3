"""Keep scikit-learn's `n_jobs` from changing a prediction's last bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sequential_jobs() -> Iterator[None]:
    """Run estimators' joblib jobs in order in this thread, whatever their `n_jobs`.

    With several jobs a forest's trees are summed in the order in which they finish. joblib's sequential
    backend avoids that, also for estimators within third-party functions and classes.
    """
    from joblib import parallel_config

    with parallel_config(backend="sequential"):
        yield
