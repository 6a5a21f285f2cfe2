"""The console's pages, one module each, imported when a page is first asked for."""
