"""The overview's choice among many: whose budgets are shown."""

from functions.key_admin.console.pages.overview_parts import BUDGETS_MAX, fullest


def level(name: str, *used: str, kind: str = "team") -> dict:
    use = [
        {"policy": "deny", "used": one, "reserved": "1", "most": "10", "limit": "budget"}
        for one in used
    ]
    return {"level": kind, "id": name, "name": name, "use": use}


def test_the_organisation_and_then_the_fullest_budgets_are_shown():
    levels = [level(f"team {number}", "0", str(number % 10)) for number in range(40)]
    levels += [level("all", "0", kind="organisation"), level("none")]
    levels.append(level("rates", "9"))
    levels[-1]["use"][0]["policy"] = None
    shown = [one["name"] for one in fullest(levels)]
    assert len(shown) == BUDGETS_MAX
    assert shown[:5] == ["all", "team 9", "team 19", "team 29", "team 39"]


def test_a_budget_of_nothing_is_full_and_an_unknown_use_is_shown():
    nothing = level("nothing", "0")
    nothing["use"][0]["most"] = "0"
    unknown = level("unknown") | {"use": None}
    shown = [one["name"] for one in fullest([unknown, level("empty", "0"), nothing])]
    assert shown == ["nothing", "empty", "unknown"]
