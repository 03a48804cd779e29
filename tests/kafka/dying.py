"""The product's command, in a process that kills itself at a step of a commit: ``DIES=acknowledged:3``."""

from __future__ import annotations

import os
import signal

from stream.cli.main import main
from stream.transports.steps import watchers

if __name__ == "__main__":
    said = os.environ.get("DIES", "")
    step, _, number = said.partition(":")
    left = [int(number or 0)]

    def watch(passed: str) -> None:
        if passed == step:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    if said:
        watchers.append(watch)
    main()
