"""Follow the tier changes of an embedded log, as a consumer of your own would.

Run it as ``python follow_tier_changes.py tierline.db``. Positions are kept under a consumer group, so a restart goes on
where it stopped. A change may be seen twice after a crash; its id is the same then.
"""

from __future__ import annotations

import sys
import time

import orjson

from stream.transports.log import EmbeddedLog

GROUP = "follow-tier-changes"
TOPIC = "tier-changes"


def follow(path: str, *, once: bool = False) -> None:
    """Print every tier change, then wait for more; ``once``: end when there are no more."""
    with EmbeddedLog(path, create=False) as log:
        while True:
            came = False
            for partition in range(log.partitions(TOPIC)):
                position = log.position(GROUP, TOPIC, partition) or 0
                for record in log.read(TOPIC, partition, position, 500):
                    change = orjson.loads(record.value)["data"]
                    if not change["import"]:  # history that was brought in is no news
                        print(change["account"], change["to_tier"], change["summary"], flush=True)
                    log.commit([], {(GROUP, TOPIC, partition): record.offset + 1})
                    came = True
            if once and not came:
                return
            time.sleep(0 if came else 0.5)


if __name__ == "__main__":
    follow(sys.argv[1], once="--once" in sys.argv)
