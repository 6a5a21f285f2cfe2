"""A provider to test against: OpenAI's and Anthropic's HTTP APIs, echoing, with faults on request.

It is a program of its own (`python -m echo_provider`), as a provider is: nothing here depends on
the gateway. README.md lists what it answers and which faults it knows.
"""
