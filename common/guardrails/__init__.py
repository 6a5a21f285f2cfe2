"""What content policies say of texts: found, judged, asked of webhooks. Pure."""
