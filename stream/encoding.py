"""JSON as bytes that take no more memory than they have to.

The encoder writes into a buffer that is several times as large as what comes of it, and the bytes it gives pin all of
that for as long as somebody has them: the records of a batch until they are written, a row until it is packed. So many
buffers would be touched for the first time, where with copies it is always the same one.
"""

from __future__ import annotations

from typing import Any

import orjson


def encoded(document: Any) -> bytes:
    """A document as JSON. Raises TypeError where it has what JSON has not."""
    return bytes(memoryview(orjson.dumps(document)))
