"""usage_aggregation: usage events into the ledger."""
