"""Settings for all tests."""

import os

import pytest
from hypothesis import settings

from measuring import BRIEF_S, listed, name_of
from mosaik_p2p.market.warm_up import compile_kernel, kernel_is_cold

# The same examples in every run: a red test is then about the code. New ones: pytest --hypothesis-profile=explore.
settings.register_profile("steady", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Compile before any test does: a process that compiles for itself rounds otherwise than those that come later."""
    # Each worker has a core: threads within it would wait for each other. Workers and what they start take this over.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    is_worker = hasattr(config, "workerinput")
    if not is_worker and kernel_is_cold():
        compile_kernel()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what was found slow when it was measured (`slow.txt`), beside what is marked where it stands."""
    if config.pluginmanager.has_plugin("measuring"):
        return
    slow = listed()
    for item in items:
        seconds = slow.get(name_of(item))
        if seconds is None:
            continue
        if seconds <= BRIEF_S and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.brief)
        item.add_marker(pytest.mark.slow)
