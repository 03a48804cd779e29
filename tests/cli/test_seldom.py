"""A client library that repeats itself while brokers are away does not bury what the worker says."""

from __future__ import annotations

import logging

from stream.cli.seldom import KINDS, Seldom


def line(name: str, text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "here.py", 1, text, values, None)


def test_one_line_of_a_kind_in_ten_seconds() -> None:
    """The first is logged, the next ten seconds' are counted, and the one after them says how many they were."""
    now = [100.0]
    seldom = Seldom("aiokafka", clock=lambda: now[0])
    assert seldom.filter(line("aiokafka.conn", "node %s: %s", 1, "refused"))
    assert not seldom.filter(line("aiokafka.conn", "node %s: %s", 1, "refused"))
    assert not seldom.filter(line("aiokafka.conn", "node %s: %s", 1, "closed"))
    assert seldom.filter(line("aiokafka.conn", "node %s: %s", 2, "refused")), "another node is news"
    now[0] += 10
    again = line("aiokafka.conn", "node %s: %s", 1, "refused")
    assert seldom.filter(again)
    assert again.getMessage() == "node 1: refused (and 2 times before)"
    now[0] += 10
    again = line("aiokafka.conn", "node %s: %s", 1, "refused")
    assert seldom.filter(again)
    assert again.getMessage() == "node 1: refused"


def test_ours_is_always_logged() -> None:
    """What the worker itself says is never left out, nor that of a library with a name that begins alike."""
    seldom = Seldom("aiokafka")
    assert all(seldom.filter(line(name, "the same")) for name in ("tierline", "aiokafkaesque") for _ in range(3))


def test_memory_is_bounded() -> None:
    """However many kinds there are, only so many are remembered."""
    seldom = Seldom("aiokafka")
    assert all(seldom.filter(line("aiokafka", f"{number}")) for number in range(3 * KINDS))
    assert len(seldom._seen) <= KINDS
