from echo_provider import record as record_module
from echo_provider.ask import Usage
from echo_provider.record import Record, Recorder


def test_totals_outlive_the_list(monkeypatch):
    monkeypatch.setattr(record_module, "RECORDS_MAX", 2)
    recorder = Recorder()
    for number in range(3):
        record = Record(str(number), "openai", "/v1/chat/completions", status=200, completed=True)
        recorder.begin(record)
        record.count(Usage(prompt=10, completion=3, cached=4), 3)
        recorder.finish(record)
    recorder.begin(Record("3", "openai", "/v1/chat/completions"))
    assert [record.request_id for record in recorder.requests] == ["2", "3"]
    totals = recorder.totals()
    assert (totals["requests"], totals["finished"], totals["completed"]) == (4, 3, 3)
    assert (totals["input_tokens"], totals["cache_read"], totals["output_tokens"]) == (18, 12, 9)
    assert totals["statuses"] == {"200": 3}
    recorder.clear()
    assert recorder.totals()["requests"] == 0
    assert recorder.last() == {}


def test_the_last_request_is_kept_as_it_came():
    recorder = Recorder()
    recorder.keep_last({"path": "/x"}, b'{"a":1}')
    assert recorder.last() == {"path": "/x", "body": {"a": 1}}
    recorder.keep_last({"path": "/x"}, b"\xff{")
    assert recorder.last() == {"path": "/x", "body": None, "text": "\ufffd{"}
