"""Settings for all tests."""

from hypothesis import settings

# The same examples in every run: a red test is then about the code. New ones: pytest --hypothesis-profile=explore.
settings.register_profile("steady", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile("steady")
