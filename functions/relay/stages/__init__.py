"""One stage of a request's way each; their order is told by pipeline.py alone."""
