"""Anthropic's API.

Source: https://docs.anthropic.com/en/api and the types of anthropic-sdk-python.
"""
