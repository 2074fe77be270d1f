"""One thread for BLAS and OpenMP, for the same bits on any number of cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Run BLAS and OpenMP on one thread.

    Libraries that are first loaded inside are not limited. NumPy and SciPy bring a BLAS each, so SciPy is
    loaded here; whoever loads another library with threads of its own (scikit-learn) enters again after that.
    PyTorch counts its threads itself (`superpos.activations.extract`).
    """
    import scipy.linalg  # noqa: F401 - loads SciPy's BLAS
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
