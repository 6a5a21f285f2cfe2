"""The pages of the portal, a module each."""
