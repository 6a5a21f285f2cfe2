"""What callers send and get, as pydantic models: checked on the way in, documented both ways.

Field names are fixed (docs/architecture.md).
"""
