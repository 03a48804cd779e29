"""Moving an installation from one log to another: a file to Kafka, or back. Record times, order and state are kept."""

from stream.migrating.procedure import Moved, migrate
from stream.migrating.sides import check_whole

__all__ = ["Moved", "check_whole", "migrate"]
