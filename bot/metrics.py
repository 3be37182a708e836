"""The numbers `GET /metrics` shows, in Prometheus' own format."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Metrics:
    """Counters and gauges of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.webhooks = Counter(
            "signoff_webhooks_total",
            "Webhook requests by source and answer.",
            ["source", "status"],
            registry=self.registry,
        )
        self.envelopes = Counter(
            "signoff_slack_envelopes_total",
            "Slack envelopes committed before their ack, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.posts = Counter(
            "signoff_slack_posts_total",
            "Calls that post to or change Slack, by method and result.",
            ["method", "result"],
            registry=self.registry,
        )
        self.checkpoints = Counter(
            "signoff_ledger_checkpoints_total",
            "Signed checkpoints of the ledger, by occasion.",
            ["occasion"],
            registry=self.registry,
        )
        self.covered = Gauge(
            "signoff_ledger_covered_events",
            "How many events the newest checkpoint covers.",
            registry=self.registry,
        )
        self.unsigned = Gauge(
            "signoff_ledger_unsigned",
            "1 when checkpoints can't be signed or kept; the log and `signoff doctor` say why.",
            registry=self.registry,
        )
        self.slack_away = Gauge(
            "signoff_slack_away",
            "1 while Slack does not answer; tasks go on, and what is to be told waits.",
            registry=self.registry,
        )
        self.slack_outages = Counter(
            "signoff_slack_outages_total",
            "How often Slack was found not to answer.",
            registry=self.registry,
        )
        self.up = Gauge(
            "signoff_ready", "1 when everything is joined and working.", registry=self.registry
        )

    def text(self) -> bytes:
        """Return the exposition."""
        return generate_latest(self.registry)
