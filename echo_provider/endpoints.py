"""All endpoints for POST, by their paths."""

from typing import Any

from echo_provider import anthropic_answers, openai_answers
from echo_provider.anthropic_requests import parse_messages
from echo_provider.batch_store import PATH as BATCHES
from echo_provider.batch_store import BatchStore
from echo_provider.batches import batches_parser
from echo_provider.completions import parse_completions
from echo_provider.dialects import ANTHROPIC, OPENAI
from echo_provider.embeddings import parse_embeddings
from echo_provider.faults import AMOUNTS, CLAUDE_FAULTS, TEXT_FAULTS, Faults
from echo_provider.images import parse_edit, parse_generation, parse_variation
from echo_provider.moderations import parse_moderations
from echo_provider.openai_requests import parse_chat
from echo_provider.refusals import encoded
from echo_provider.replies import Endpoint, Reply, Wanted, planned
from echo_provider.responses import responses_parser
from echo_provider.responses_store import PATH as RESPONSES
from echo_provider.responses_store import ResponseStore
from echo_provider.speech import parse_speech
from echo_provider.transcriptions import parse_transcription, parse_translation

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
COUNT_TOKENS = "/v1/messages/count_tokens"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
MODERATIONS = "/v1/moderations"
GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"
VARIATIONS = "/v1/images/variations"
SPEECH = "/v1/audio/speech"
TRANSCRIPTIONS = "/v1/audio/transcriptions"
TRANSLATIONS = "/v1/audio/translations"
_HEARD = AMOUNTS | {"usage"}
_AUDIO = frozenset({"bytes", "chunks", "huge_event", "usage"})
_PICTURE = frozenset({"bytes", "usage"})


def endpoints(responses: ResponseStore, batches: BatchStore) -> dict[str, Endpoint]:
    """The endpoints of one server, which keeps its responses and batches in those stores."""
    ends = {"failed", "background_ms"}
    return {
        CHAT: Endpoint(dialect=OPENAI, parse=_chat, faults=TEXT_FAULTS),
        MESSAGES: Endpoint(dialect=ANTHROPIC, parse=_messages, faults=CLAUDE_FAULTS),
        BATCHES: Endpoint(
            dialect=ANTHROPIC,
            parse=batches_parser(batches),
            faults=CLAUDE_FAULTS | {"background_ms"},
        ),
        COUNT_TOKENS: Endpoint(dialect=ANTHROPIC, parse=_count_tokens),
        COMPLETIONS: Endpoint(dialect=OPENAI, parse=parse_completions, faults=TEXT_FAULTS),
        EMBEDDINGS: Endpoint(dialect=OPENAI, parse=parse_embeddings, faults=frozenset({"usage"})),
        MODERATIONS: Endpoint(dialect=OPENAI, parse=parse_moderations),
        GENERATIONS: Endpoint(dialect=OPENAI, parse=parse_generation, faults=_PICTURE),
        EDITS: Endpoint(dialect=OPENAI, parse=parse_edit, faults=_PICTURE, multipart=True),
        VARIATIONS: Endpoint(
            dialect=OPENAI, parse=parse_variation, faults=_PICTURE, multipart=True
        ),
        SPEECH: Endpoint(dialect=OPENAI, parse=parse_speech, faults=_AUDIO),
        TRANSCRIPTIONS: Endpoint(
            dialect=OPENAI, parse=parse_transcription, faults=_HEARD, multipart=True
        ),
        TRANSLATIONS: Endpoint(
            dialect=OPENAI, parse=parse_translation, faults=_HEARD, multipart=True
        ),
        RESPONSES: Endpoint(
            dialect=OPENAI, parse=responses_parser(responses), faults=TEXT_FAULTS | ends
        ),
    }


def _chat(body: dict[str, Any]) -> Wanted:
    return planned(parse_chat(body), openai_answers.openai_whole, openai_answers.openai_events)


def _messages(body: dict[str, Any]) -> Wanted:
    ask = parse_messages(body)
    return planned(ask, anthropic_answers.anthropic_whole, anthropic_answers.anthropic_events)


def _count_tokens(body: dict[str, Any]) -> Wanted:
    ask = parse_messages(body, counting=True)

    def reply(faults: Faults, text: str) -> Reply:  # noqa: ARG001
        return Reply(whole=lambda: encoded({"input_tokens": ask.prompt_tokens}))

    return Wanted(text=ask.text, reply=reply)
