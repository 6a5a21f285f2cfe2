"""pii: names, places, organisations and dates of birth in texts, found by language models."""
