"""The thinking: tasks, the alert pipeline, the incident agent and the campaign agent."""
