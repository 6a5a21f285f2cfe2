"""The local stack of `relayctl dev`: stores, functions, broker, cron and front door."""
