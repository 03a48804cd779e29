"""The product's command, in a process whose rows go to the disk after 16 KiB instead of megabytes."""

from __future__ import annotations

from stream.cli.main import main
from stream.transports import rocks

if __name__ == "__main__":
    rocks.WRITE_BYTES = 16 * 1024
    main()
