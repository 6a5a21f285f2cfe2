"""All endpoints of OpenAI's API that Relay relays, by their names in the ledger."""

from common.dialects.base import Operation
from common.dialects.openai.audio import Speech, Transcriptions
from common.dialects.openai.chat import ChatCompletions
from common.dialects.openai.completions import Completions
from common.dialects.openai.embeddings import Embeddings
from common.dialects.openai.images import ImageEdits, ImageGenerations
from common.dialects.openai.moderations import Moderations
from common.dialects.openai.responses import Responses

OPERATIONS: dict[str, Operation] = {
    "chat.completions": ChatCompletions(),
    "completions": Completions(),
    "responses": Responses(),
    "embeddings": Embeddings(),
    "moderations": Moderations(),
    "images.generations": ImageGenerations(),
    "images.edits": ImageEdits(),
    "images.variations": ImageEdits(),
    "audio.speech": Speech(),
    "audio.transcriptions": Transcriptions(),
    "audio.translations": Transcriptions(),
}
