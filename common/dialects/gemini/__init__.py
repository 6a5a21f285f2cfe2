"""Google's Gemini API: `/v1beta/models/{model}:{method}`.

The model stands in the path, so each operation here is a `common.dialects.base.PathOperation`:
whoever has found the route asks it `for_path(model, query)` and goes on with the operation that
this gives. The body is passed on without a model; `gemini.generate` and `gemini.stream` differ in
their path alone.

Source: https://ai.google.dev/api and the types of python-genai. Google's servers take members in
camel case and in the snake case of their protocol buffers, so Relay reads both.
"""
