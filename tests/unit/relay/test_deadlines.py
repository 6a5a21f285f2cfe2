"""One timer for all deadlines of exchanges, on a clock of the test's own."""

from types import SimpleNamespace

from common.providers.deadlines import Deadlines


class Loop:
    """As much of an event loop as timers need."""

    def __init__(self):
        self.now = 0.0
        self.timers = []

    def time(self):
        return self.now

    def call_at(self, at, callback):
        timer = SimpleNamespace(at=at, callback=callback)
        timer.cancel = lambda: self.timers.remove(timer)
        self.timers.append(timer)
        return timer

    def go_to(self, at):
        self.now = at
        for timer in [timer for timer in self.timers if timer.at <= at]:
            self.timers.remove(timer)
            timer.callback()


class Exchange:
    def __init__(self):
        self.told = 0

    def time_out(self):
        self.told += 1


def test_who_is_late_is_told_once_and_who_is_over_never():
    loop = Loop()
    deadlines = Deadlines(loop)
    over, late, later = Exchange(), Exchange(), Exchange()
    for exchange, at in ((over, 1.0), (late, 2.0), (later, 9.0)):
        deadlines.add(exchange, at)
    deadlines.remove(over)
    for moment in (1.0, 2.0, 3.0):
        loop.go_to(moment)
    assert (over.told, late.told, later.told) == (0, 1, 0)
    loop.go_to(9.0)
    assert (late.told, later.told) == (1, 1)


def test_one_timer_serves_all_and_the_earliest_deadline_sets_it():
    loop = Loop()
    deadlines = Deadlines(loop)
    for at in (5.0, 6.0, 4.0, 7.0):
        deadlines.add(Exchange(), at)
    assert [timer.at for timer in loop.timers] == [4.0]


def test_no_timer_is_left_when_nothing_is_due():
    loop = Loop()
    deadlines = Deadlines(loop)
    exchange = Exchange()
    deadlines.add(exchange, 5.0)
    deadlines.remove(exchange)
    loop.go_to(5.0)
    assert loop.timers == []
