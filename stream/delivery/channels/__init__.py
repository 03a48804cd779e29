"""The ways to reach people: Slack, Microsoft Teams, e-mail, webhooks, and an inbox on this machine."""

from stream.delivery.channels.build import build_channels

__all__ = ["build_channels"]
