"""How well and how fast redaction finds what it must: `python -m benchmarks.redaction`."""
