"""The parts that forms are made of."""

from functions.key_admin.console.view import _environment

OPTIONS = [("", "none"), ("A", "Alpha")]


def select(chosen):
    parts = _environment().get_template("parts.html").module
    return parts.select({"team_id": chosen}, {}, "team_id", "Team", OPTIONS)


def test_what_is_chosen_is_an_option_also_when_the_list_is_too_short_for_it():
    assert '<option value="B&amp;" selected>B&amp;</option>' in select("B&")
    assert select("A").count("<option") == len(OPTIONS)
    assert '<option value="" selected>' in select("")
