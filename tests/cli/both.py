"""For tests that are to hold on a file and on Kafka."""

from __future__ import annotations

import pytest

both_logs = pytest.mark.parametrize("log_kind", ["file", "kafka"], indirect=True)
"""The test runs twice: with its log in a file, and on Kafka."""
