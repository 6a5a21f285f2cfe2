"""Rotating and revoking a key of one's own: as in the console, by the operations of the portal."""

from functions.key_admin.console.pages.key_acts import show, submit

__all__ = ["show", "submit"]
