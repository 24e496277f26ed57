"""What runs the runs of a study."""

import contextlib
from collections.abc import Iterator

from mosaik_p2p.studies.engine.running import Engine, Local
from mosaik_p2p.studies.engine.worker import Workers


@contextlib.contextmanager
def engine_for(*, jobs: int | None, scheduler: str | None = None) -> Iterator[Engine]:
    """This machine, with `jobs` runs at once as of `Local`, or the workers of the Dask scheduler at an address."""
    if scheduler is None:
        with Workers() as workers:
            yield Local(jobs, workers)
        return
    # Dask takes a second to import, and need not be there.
    from mosaik_p2p.studies.engine.cluster import Cluster

    with Cluster(scheduler) as cluster:
        yield cluster
