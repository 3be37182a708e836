"""The edge: Slack, webhooks, store, scheduler, settings, command line and composition root."""
