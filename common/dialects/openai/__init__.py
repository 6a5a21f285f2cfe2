"""OpenAI's API.

Source: https://platform.openai.com/docs/api-reference and the types of openai-python.
"""
