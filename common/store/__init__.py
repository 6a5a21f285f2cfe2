"""Postgres: the truth for keys and the ledger. One module an aggregate, SQL in `queries/`."""
