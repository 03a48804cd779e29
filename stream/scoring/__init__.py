"""The pure core: ``step(state, record) -> effects``. Synchronous, no I/O, no clock, no randomness.

Only the standard library and the RE2 binding may be imported here. Time comes in as a value: integer
milliseconds since the epoch, UTC.
"""
