"""How far a worker is behind in each partition that it has, as the metrics show it."""

from __future__ import annotations

from schemas.topics import TOPICS
from stream.metrics import Metrics
from stream.settings import Settings
from stream.transports.consumer import BatchingConsumer


class Lags:
    """Keeps ``tierline_lag_records``; a partition that has moved away is another worker's to show."""

    def __init__(self, metrics: Metrics, settings: Settings) -> None:
        self._gauge = metrics.lag
        self._prefix = settings.topic_prefix
        self._shown: set[tuple[str, str]] = set()
        self.most = 0
        """Records that waited in the partition that was furthest behind, when last looked at."""

    def show(self, consumer: BatchingConsumer) -> None:
        """Take a look."""
        shown: set[tuple[str, str]] = set()
        most = 0
        for tp in consumer.assignment():
            name = tp.topic.removeprefix(self._prefix)
            behind = consumer.behind(tp)
            if name in TOPICS and not TOPICS[name].internal and behind is not None:
                most = max(most, behind)
                shown.add((name, str(tp.partition)))
                self._gauge.labels(name, str(tp.partition)).set(behind)
        for labels in self._shown - shown:
            self._gauge.remove(*labels)
        self._shown, self.most = shown, most
