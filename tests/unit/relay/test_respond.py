"""What an answer's head means to its request."""

from common.dialects import OPERATIONS
from functions.relay import respond
from functions.relay.open_request import OpenRequest


async def test_a_body_is_held_until_nobody_else_can_be_asked():
    request = OpenRequest("01ARYZ6S41TSV4RRFFQ69G5FAV", {"headers": []}, "here")
    request.body = b'{"model":"m","messages":[]}' + b" " * 1000
    request.body_size = len(request.body)
    request.parsed = OPERATIONS["chat.completions"].parse_request(request.body)
    estimate = request.input_estimate
    sent = []

    async def send(message):
        sent.append(message)

    await respond.start(request, send, 200, [])
    assert sent[0]["status"] == 200
    assert request.body == b""
    assert request.input_estimate == estimate > 200
