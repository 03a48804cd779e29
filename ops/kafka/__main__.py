"""`make kafka`: one broker for a person, until Ctrl-C. Its data stays in `.kafka/data`."""

from __future__ import annotations

import argparse
import fcntl
import signal
import sys
import time
from pathlib import Path

from . import jars
from .broker import Failed
from .cluster import Cluster
from .ports import HOST, is_free

PORT = 9092
STOPPED = "Stopped; the records stay."
POLL_SECONDS = 0.2


def main() -> None:
    """Start it, say how to use it, and wait."""
    parser = argparse.ArgumentParser(prog="python -m ops.kafka", description=__doc__)
    parser.add_argument("--data", type=Path, default=jars.HOME / "data", help="where its records are kept")
    parser.add_argument("--port", type=int, default=PORT, help=f"of {HOST}; another if it is taken (%(default)s)")
    told = parser.parse_args()
    told.data.mkdir(parents=True, exist_ok=True)
    with (told.data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"A Kafka runs already on {told.data}: use that one, or start this one with --data elsewhere")
        try:
            _serve(told.data, told.port)
        except (jars.Missing, Failed) as failure:
            sys.exit(str(failure))
        except KeyboardInterrupt:
            print(f"\n{STOPPED}")


def _serve(data: Path, port: int) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"Starting Kafka {jars.version()} (the first time it is downloaded, some 40 MB) …", flush=True)
    begun = time.monotonic()
    free = is_free(port)
    if not free:
        print(f"Port {port} is taken; using another.")
    with Cluster(data, ports=(port,) if free else ()) as cluster:
        print(f"It answers, after {time.monotonic() - begun:.1f} s. Use it in another terminal:\n")
        print(f"  export TIERLINE_BROKER={cluster.url}\n  tierline topics create\n  tierline run\n")
        print(f"Ctrl-C stops it. Its records stay in {data}; `make kafka-clean` removes .kafka/data.", flush=True)
        broker = cluster.brokers[0]
        while broker.pid is not None:
            time.sleep(POLL_SECONDS)
        raise Failed(f"the broker has ended by itself; the end of {broker.log}:\n{broker.said()[-2000:]}")


if __name__ == "__main__":
    main()
