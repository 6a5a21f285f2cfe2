"""One event: a message to each channel that wants it, written and then sent."""

from common.domain.notices import Wishes
from common.event_function import Worker
from common.events.receive import Event, MalformedEvent
from common.events.types import NOTIFICATIONS_DUE, OUR_TYPES
from common.store import notifications
from common.store.notifications import Subject
from functions.notifications.deliver import deliver_due
from functions.notifications.messages import about, data_of, notice_of


async def notify(worker: Worker, event: Event) -> None:
    """Write the messages, once a channel and event; then send what is due, theirs and others'.

    Once they are written the event is taken: a receiver that is away is tried again from the
    rows, not from the event. Raises `MalformedEvent` and `DatabaseUnavailable`.
    """
    data = data_of(event)
    if data is not None:
        subject = Subject()
        async with worker.database.transaction() as connection:
            if (whom := about(data)) is not None:
                subject = await notifications.subject_named(connection, whom.scope, whom.id)
            notice = notice_of(event, data, subject)
            for channel in await notifications.channels(connection, enabled=True):
                wishes = Wishes(channel.events, channel.team_ids, channel.severity)
                if wishes.want(notice):
                    await notifications.enqueue(connection, channel.id, notice)
    elif event.type not in OUR_TYPES:
        raise MalformedEvent(f"type is {event.type!r}: nobody is told of that")
    elif event.type != NOTIFICATIONS_DUE:
        return  # for others: where there is no broker, all events come here
    await deliver_due(worker)
