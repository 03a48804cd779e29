"""The worker as a process, from outside."""

import pytest

pytest.register_assert_rewrite("tests.worker.load")  # so that its assertions, too, say what differs
