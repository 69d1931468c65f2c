"""Sums by customer and hour. Adding the same record twice changes nothing."""


def add_up(records: list[dict]) -> dict[str, dict]:
    """The sum of each customer's hours, by a key of both."""
    totals: dict[str, dict] = {}
    seen: set[str] = set()
    for record in records:
        if record["id"] in seen:
            continue
        seen.add(record["id"])
        hour = record["at"][:13]
        key = f"{record['customer']}/{hour}"
        total = totals.setdefault(key, {"customer": record["customer"], "hour": hour, "units": 0})
        total["units"] += record["units"]
    return totals
