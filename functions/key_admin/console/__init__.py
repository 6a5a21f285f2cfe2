"""The console: pages for administrators, rendered here, on the same operations as the admin API."""
