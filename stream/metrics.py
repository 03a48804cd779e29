"""Every metric, declared once, on a registry that is passed in. Base units, bounded labels, updated per batch."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
_LATE = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3_600, 86_400)


class Metrics:
    """What an SRE watches. Names and labels are part of the product's interface."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        r = self.registry
        self.signals = Counter(
            "tierline_signals",
            "Signals taken from the canonical log, by what became of them",
            ["type", "outcome"],
            registry=r,
        )
        self.rejected = Counter("tierline_rejected", "Records that could not be used", ["reason"], registry=r)
        self.changes = Counter(
            "tierline_tier_changes", "Tier changes emitted", ["profile", "tier", "cause"], registry=r
        )
        self.accounts = Gauge("tierline_accounts", "Accounts by the tier they are in", ["profile", "tier"], registry=r)
        self.latency = Histogram(
            "tierline_append_to_change_seconds",
            "From a signal's append to the moment its tier change was durable",
            buckets=_FAST,
            registry=r,
        )
        self.batch = Histogram(
            "tierline_batch_seconds", "Time to process and commit one batch", ["agent"], buckets=_FAST, registry=r
        )
        self.batch_records = Histogram(
            "tierline_batch_records",
            "Records in one batch",
            ["agent"],
            buckets=(1, 4, 16, 64, 256, 1_024, 4_096, 16_384),
            registry=r,
        )
        self.lag = Gauge(
            "tierline_lag_records", "Records in the log that were not processed yet", ["topic", "partition"], registry=r
        )
        self.due = Counter("tierline_due_transitions", "Transitions that time alone brought about", registry=r)
        self.due_late = Histogram(
            "tierline_due_late_seconds",
            "From the moment of a transition to the moment it was durable",
            buckets=_LATE,
            registry=r,
        )
        self.rescoring = Gauge(
            "tierline_accounts_to_rescore", "Accounts that wait to be rescored under a new profile version", registry=r
        )
        self.put_off = Gauge(
            "tierline_accounts_put_off", "Accounts that a fault of ours keeps from being caught up", registry=r
        )
        self.scores = Counter("tierline_scores_published", "Records on account-scores", registry=r)
        self.state_bytes = Gauge("tierline_state_bytes", "Stored state of all accounts", registry=r)
        self.state_accounts = Gauge("tierline_state_accounts", "Accounts that have a state", registry=r)
        self.importing = Gauge(
            "tierline_importing_partitions", "Partitions into which history is being brought", registry=r
        )
        self.forwarded = Counter(
            "tierline_forwarded",
            "Records appended to the canonical log under their account's key",
            ["topic"],
            registry=r,
        )
        self.retries = Counter("tierline_commit_retries", "Commits that failed and were tried again", registry=r)
        self.partitions = Gauge("tierline_partitions", "Partitions of signals that this worker has", registry=r)
        self.assignments = Counter(
            "tierline_assignments", "Times that this worker was dealt partitions, the first included", registry=r
        )
        self.recovery = Gauge(
            "tierline_recovery_seconds", "How long the last recovery of the account table took", registry=r
        )
        self.fenced = Counter(
            "tierline_writes_refused", "Writes of a batch whose partition was another worker's by then", registry=r
        )
        self.alert_changes = Counter(
            "tierline_alert_changes",
            "Tier changes by what alerting said of them, for each route or recipient",
            ["reason"],
            registry=r,
        )
        self.alerts_delivered = Counter(
            "tierline_alerts_delivered", "Messages that a channel took", ["channel"], registry=r
        )
        self.alerts_failed = Counter("tierline_alerts_failed", "Attempts that failed", ["channel"], registry=r)
        self.alerts_waiting = Gauge("tierline_alerts_waiting", "Messages that wait to be delivered", registry=r)
        self.alerts_parked = Gauge("tierline_alerts_parked", "Messages that were given up", registry=r)
        self.alerts_oldest = Gauge(
            "tierline_alerts_oldest_waiting_seconds", "Age of the oldest message that waits", registry=r
        )
        self.alert_delay = Histogram(
            "tierline_alert_delay_seconds",
            "From the moment of a tier change to the delivery of its alert",
            buckets=_LATE,
            registry=r,
        )
        self.routes_broken = Gauge(
            "tierline_alert_routes_broken",
            "Whether the routes file is broken, and the last good one in force",
            registry=r,
        )
        self.source_refused = Gauge(
            "tierline_source_rejected_ratio",
            "Share of rejected records among the last 1,000 of a source, for sources above one half",
            ["source"],
            registry=r,
        )
