"""Events that nobody took: kept in Postgres, and said aloud, so that somebody looks.

Nothing is lost by them: usage records are still in the outbox, and what a cron tick would have
done, the next one does.
"""

from common.event_function import Worker
from common.events.headers import SPEC_VERSION
from common.events.receive import Event, MalformedEvent
from common.identifiers import new_ulid
from common.store import inspection
from common.telemetry import catalogue, logs

# What an index of Postgres holds in one entry (a third of a page) of source and id together.
NAME_BYTES_MAX = 2000


async def keep_dead_letter(worker: Worker, event: Event) -> None:
    """Keep the event once, by source and id, and log it.

    Raises `DatabaseUnavailable`, so that the broker brings it again, and `MalformedEvent` for one
    whose source and id are too long to be kept by.
    """
    kept = False
    try:
        if len((event.source + event.id).encode()) > NAME_BYTES_MAX:
            raise MalformedEvent(f"source and id have more than {NAME_BYTES_MAX} bytes together")
        async with worker.database.transaction() as connection:
            await inspection.keep_dead_letter(
                connection, new_ulid(), attributes_of(event), event.body
            )
        kept = True
        catalogue.DEAD_LETTERS.increment(type=event.type)
    finally:
        # Also when it could not be kept: the broker may give it up, and then only this is left.
        logs.log(
            "dead_letter",
            level="error",
            event_id=event.id,
            event_type=event.type,
            event_source=event.source,
            error_code=event.extensions.get("knativeerrorcode"),
            error_dest=event.extensions.get("knativeerrordest"),
            kept=kept,
        )


def attributes_of(event: Event) -> dict[str, str]:
    """All attributes by their names in CloudEvents 1.0, so that the event can be sent again."""
    optional = {
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": event.content_type,
        "dataschema": event.data_schema,
    }
    return {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": event.source,
        "type": event.type,
        **{name: value for name, value in optional.items() if value is not None},
        **event.extensions,
    }
