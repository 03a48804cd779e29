"""Alerting in the metrics: what a durable work brought, and how much waits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from schemas.times import parse_time
from stream.delivery.decision import Fate
from stream.delivery.state import State
from stream.delivery.work import Work
from stream.metrics import Metrics

if TYPE_CHECKING:
    from stream.transports.consumer import BatchingConsumer

log = logging.getLogger("tierline")


def count(metrics: Metrics, work: Work, now: int) -> None:
    """A work is durable: count it."""
    for one in work.decisions:
        metrics.alert_changes.labels(one.reason).inc()
    for fate in work.fates:
        _fate(metrics, fate, now)


def _fate(metrics: Metrics, fate: Fate, now: int) -> None:
    message = fate.message
    if fate.state == "delivered":
        metrics.alerts_delivered.labels(message.channel).inc()
        for told in message.told:
            at = parse_time(told.change["data"]["effective_at"])
            metrics.alert_delay.observe(max(0, now - at) / 1000)
    elif message.attempts and fate.state in {"failed", "parked"}:
        metrics.alerts_failed.labels(message.channel).inc()
    if fate.state == "parked":
        log.warning("an alert for %s was given up: %s", message.channel, fate.says)


def gauge_lag(metrics: Metrics, consumer: BatchingConsumer, topics: Mapping[str, str]) -> None:
    """How far behind the agents are. `topics`: by name in this installation, the name that metrics have."""
    for tp in consumer.assignment():
        behind = consumer.behind(tp)
        if tp.topic in topics and behind is not None:
            metrics.lag.labels(topics[tp.topic], str(tp.partition)).set(behind)


def gauge(metrics: Metrics, state: State | None, now: int) -> None:
    """How much waits, and since when; nothing where the queue is somebody else's."""
    waiting = [] if state is None else list(state.waiting.values())
    metrics.alerts_waiting.set(len(waiting))
    metrics.alerts_parked.set(0 if state is None else len(state.parked))
    oldest = min((one.at for one in waiting), default=now)
    metrics.alerts_oldest.set(max(0, now - oldest) / 1000)
