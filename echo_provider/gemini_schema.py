"""The members of Gemini's messages, in camel case (ai.google.dev/api, v1beta)."""

REQUEST = frozenset(
    {
        *("contents", "tools", "toolConfig", "safetySettings", "systemInstruction"),
        *("generationConfig", "cachedContent", "model", "labels", "serviceTier", "store"),
    }
)
CONFIG = frozenset(
    {
        *("stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema"),
        *("responseModalities", "candidateCount", "maxOutputTokens", "temperature", "topP"),
        *("topK", "seed", "presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs"),
        *("enableEnhancedCivicAnswers", "speechConfig", "thinkingConfig", "imageConfig"),
        *("mediaResolution", "audioTimestamp", "routingConfig", "responseFormat"),
    }
)
THINKING = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
DATA_PARTS = (
    *("text", "inlineData", "functionCall", "functionResponse", "fileData"),
    *("executableCode", "codeExecutionResult"),
)
PART = frozenset({*DATA_PARTS, "thought", "thoughtSignature", "videoMetadata", "mediaResolution"})
TOOL = frozenset(
    {
        *("functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution"),
        *("urlContext", "computerUse", "fileSearch", "googleMaps", "mcpServers"),
    }
)
DECLARATION = frozenset(
    {
        *("name", "description", "parameters", "parametersJsonSchema", "response"),
        *("responseJsonSchema", "behavior"),
    }
)
# The members of `Schema`, and what each holds.
SCHEMA_TYPES = {
    **dict.fromkeys(("type", "format", "title", "description", "pattern"), "string"),
    **dict.fromkeys(("nullable", "enum", "required", "propertyOrdering", "default"), "any"),
    **dict.fromkeys(("example", "minimum", "maximum", "minItems", "maxItems"), "any"),
    **dict.fromkeys(("minLength", "maxLength", "minProperties", "maxProperties"), "any"),
    **dict.fromkeys(("additionalProperties", "defs", "ref"), "any"),
    "items": "schema",
    "anyOf": "schemas",
    "properties": "map",
}
# Members whose content is the caller's data, and in no spelling of Google's.
OPAQUE = frozenset(
    {"args", "response", "properties", "parametersJsonSchema", "responseJsonSchema", "labels"}
)
