"""An import of history: its marks in the log, and the hold that keeps two imports from ending each other.

While an import is open the worker takes record times from the records. Were a second import to close the first one's,
the rest of that history would count as of today: so one import a log at a time, from whichever machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from stream.settings import Settings
from stream.transports.records import Append
from stream.transports.seam import Log
from stream.wire import MarkKind, base36, encode_mark

IMPORT = "import"
"""What the log calls it: see `Log.hold` and `Log.holder`."""


class Import:
    """An open import. ``close`` it, also after an error: else the log waits for one that does."""

    def __init__(self, log: Log, settings: Settings) -> None:
        """Takes hold of the log and appends an open mark to every partition. Raises Held, or another LogError."""
        self._log, self._settings = log, settings
        self.id = f"import/{base36(log.clock())}/{base36(os.getpid())}"
        self._hold = log.hold(IMPORT, self._marks("import_opened"))
        self.takes_over = self._hold.takes_over

    def append(self, records: Sequence[Append]) -> list[int]:
        """Appends records of the import. Raises Fenced where another import has taken this one's place."""
        return self._hold.append(records)

    def close(self) -> None:
        """Appends a close mark to every partition and lets go; calling it again does nothing."""
        self._hold.release(self._marks("import_closed"))

    def _marks(self, kind: MarkKind) -> list[Append]:
        topic = self._settings.topic("signals")
        source, now, id_ = self._settings.source, self._log.clock(), f"{self.id}/{kind}"
        value = encode_mark(kind, {"import": self.id}, source=source, time=now, id_=id_)
        return [Append(topic, partition, None, value) for partition in range(self._log.partitions(topic))]
