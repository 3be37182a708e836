"""The local world: a Slack workspace, a shop that breaks and an ad platform, all on loopback."""
