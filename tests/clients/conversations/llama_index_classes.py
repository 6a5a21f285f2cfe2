"""LlamaIndex's OpenAI and Anthropic classes: whole, streamed, and a conversation with a tool."""

import json
import sys

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.tools import FunctionTool
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.openai import OpenAI


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def converse(llm):
    """What is answered."""
    said = [ChatMessage(role="system", content="Be short.")]
    said.append(ChatMessage(role="user", content="hello my world"))
    found = {"whole": llm.chat(said).message.content}
    found["stream"] = [one.delta for one in llm.stream_chat(said) if one.delta]
    tool = FunctionTool.from_defaults(weather)
    turns = [ChatMessage(role="user", content='call weather {"city": "Bern"}')]
    answer = llm.chat_with_tools([tool], chat_history=turns)
    turns.append(answer.message)
    for call in llm.get_tool_calls_from_response(answer):
        result = tool.call(**call.tool_kwargs).content
        more = {"tool_call_id": call.tool_id}
        turns.append(ChatMessage(role=MessageRole.TOOL, content=result, additional_kwargs=more))
    found["tool"] = llm.chat_with_tools([tool], chat_history=turns).message.content
    return found


def main(url: str, key: str) -> None:
    """Both classes, each in its own dialect."""
    openai = OpenAI(model="gpt-4o", api_base=f"{url}/v1", api_key=key, max_retries=0)
    anthropic = Anthropic(model="claude-sonnet-4-5", base_url=url, api_key=key, max_retries=0)
    sys.stdout.write(json.dumps([converse(openai), converse(anthropic)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
