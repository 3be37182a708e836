"""The local Slack workspace: Web API, Socket Mode and a page in the browser, on loopback only."""
