"""Google's Gemini API: `/v1beta/models/{model}:{method}`, and `/v1/models/…` with newer SDKs.

From version 3 on google-genai asks for `/v1` unless it is told another `api_version`; who sends
`x-goog-api-key` speaks this dialect, at the list of models too.

The model stands in the path, so each operation here is a `common.dialects.base.PathOperation`:
whoever has found the route asks it `for_path(model, query)` and goes on with the operation that
this gives. The body is passed on without a model; `gemini.generate` and `gemini.stream` differ in
their path alone.

Source: https://ai.google.dev/api and the types of python-genai. Google's servers take members in
camel case and in the snake case of their protocol buffers, so Relay reads both.
"""
