"""The incident agent: looks at a service, says what it sees, and proposes what may help."""
