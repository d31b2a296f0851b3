"""scikit-learn's `n_jobs`, which change the last bits of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Have whatever estimators do in jobs done in order, in this thread, whatever their `n_jobs`.

    Several jobs add up a forest's trees in the order in which they end: joblib's sequential backend does not,
    and holds for estimators within functions and classes of others, too.
    """
    from joblib import parallel_config

    with parallel_config(backend="sequential"):
        yield
