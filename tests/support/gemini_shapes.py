"""Google's own shapes of `generateContent`, as google-genai has them: nothing unknown passes."""

from google.genai import types

_TYPES = {
    "systemInstruction": types.Content,
    "generationConfig": types.GenerationConfig,
    "toolConfig": types.ToolConfig,
}


def check(body):
    """Raises `pydantic.ValidationError` or `AssertionError` for what Google would refuse."""
    assert body["contents"]
    for content in body["contents"]:
        assert types.Content.model_validate(content).parts
    for tool in body.get("tools", []):
        types.Tool.model_validate(tool)
    for name, kind in _TYPES.items():
        if name in body:
            kind.model_validate(body[name])
    known = {"contents", "tools", "serviceTier", *_TYPES}
    assert set(body) <= known
    if "serviceTier" in body:
        types.ServiceTier(body["serviceTier"])
