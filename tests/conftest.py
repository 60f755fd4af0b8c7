"""What holds for all tests: a busy machine is no failure, and a property test draws the same examples in every run."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "backburner", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("backburner")
