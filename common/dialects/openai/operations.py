"""All endpoints of OpenAI's API that Relay relays, by their names in the ledger."""

from collections.abc import Callable

from common.dialects.base import Operation


def _chat() -> Operation:
    from common.dialects.openai.chat import ChatCompletions

    return ChatCompletions()


def _completions() -> Operation:
    from common.dialects.openai.completions import Completions

    return Completions()


def _responses() -> Operation:
    from common.dialects.openai.responses import Responses

    return Responses()


def _embeddings() -> Operation:
    from common.dialects.openai.embeddings import Embeddings

    return Embeddings()


def _moderations() -> Operation:
    from common.dialects.openai.moderations import Moderations

    return Moderations()


def _image_generations() -> Operation:
    from common.dialects.openai.images import ImageGenerations

    return ImageGenerations()


def _image_edits() -> Operation:
    from common.dialects.openai.images import ImageEdits

    return ImageEdits()


def _speech() -> Operation:
    from common.dialects.openai.audio import Speech

    return Speech()


def _transcriptions() -> Operation:
    from common.dialects.openai.audio import Transcriptions

    return Transcriptions()


def _batches() -> Operation:
    from common.dialects.openai.batches import Batches

    return Batches()


MAKERS: dict[str, Callable[[], Operation]] = {
    "chat.completions": _chat,
    "completions": _completions,
    "responses": _responses,
    "batches": _batches,
    "embeddings": _embeddings,
    "moderations": _moderations,
    "images.generations": _image_generations,
    "images.edits": _image_edits,
    "images.variations": _image_edits,
    "audio.speech": _speech,
    "audio.transcriptions": _transcriptions,
    "audio.translations": _transcriptions,
}
