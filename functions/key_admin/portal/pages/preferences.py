"""Theme, language and time zone of this browser, as in the console."""

from functions.key_admin.console.pages.preferences import show, submit

__all__ = ["show", "submit"]
