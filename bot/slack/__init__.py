"""The Slack side: what people click and type comes in, what the ledger says goes out."""
