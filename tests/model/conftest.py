"""No test here may reach a network; the event loop's own pair of Unix sockets stays allowed."""

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    """Refuse every socket but the event loop's; the plug-in allows them again after each test."""
    pytest_socket.disable_socket(allow_unix_socket=True)
