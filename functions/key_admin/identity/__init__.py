"""Who calls the admin API and its pages: sign-in, sessions, tokens, identity providers."""
