"""What people see and do in Slack, over the real bot."""
