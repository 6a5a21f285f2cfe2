"""LangChain's ChatAnthropic: whole, streamed, structured, and a conversation with a tool."""

import json
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


class Weather(BaseModel):
    """What is answered."""

    city: str
    degrees: int


def main(url: str, key: str, model: str) -> None:
    """Write what is answered, as JSON."""
    chat = ChatAnthropic(base_url=url, api_key=key, model=model, max_tokens=500, max_retries=0)
    whole = chat.invoke([SystemMessage("Be short."), HumanMessage("hello my world")])
    found = {"whole": whole.text, "tokens": whole.usage_metadata["output_tokens"]}
    found["stream"] = [one.text for one in chat.stream("a b c") if one.text]
    turns = [HumanMessage('call weather {"city": "Bern"}')]
    bound = chat.bind_tools([weather])
    turns.append(bound.invoke(turns))
    for call in turns[-1].tool_calls:
        turns.append(ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]))
    found["tool"] = bound.invoke(turns).text
    typed = chat.with_structured_output(Weather, method="json_schema").invoke(
        '{"city": "Bern", "degrees": 20}'
    )
    found["structured"] = typed.model_dump()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
