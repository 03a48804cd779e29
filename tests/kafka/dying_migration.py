"""The product's command, in a process that kills itself once a migration has come to a step: ``DIES=ENDED``.

``DIES=released``: once it has let go of the target, too, and has only to say so.
"""

from __future__ import annotations

import os
import signal

from stream.cli.main import main
from stream.migrating.mark import Mark, Marked
from stream.migrating.procedure import Moved, _Migration

if __name__ == "__main__":
    said = os.environ["DIES"]
    set_, run = Marked.set, _Migration.run

    def marking(self: Marked, mark: Mark) -> None:
        set_(self, mark)
        if mark.step.name == said:
            os.kill(os.getpid(), signal.SIGKILL)

    def running(self: _Migration) -> Moved:
        moved = run(self)
        if said == "released":
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Marked.set = marking  # type: ignore[method-assign]
    _Migration.run = running  # type: ignore[method-assign]
    main()
