"""All endpoints of the Gemini API that Relay relays, by their names in the ledger.

Each of them finds its model in the path: see `common.dialects.base.PathOperation`.
"""

from collections.abc import Callable

from common.dialects.base import PathOperation
from common.dialects.gemini.count_tokens import CountTokens
from common.dialects.gemini.embeddings import BatchEmbedContents, EmbedContent
from common.dialects.gemini.generate import GenerateContent, StreamGenerateContent

OPERATIONS: dict[str, Callable[[], PathOperation]] = {
    "gemini.generate": GenerateContent,
    "gemini.stream": StreamGenerateContent,
    "gemini.count_tokens": CountTokens,
    "gemini.embed": EmbedContent,
    "gemini.batch_embed": BatchEmbedContents,
}
