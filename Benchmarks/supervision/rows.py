"""Rows of the results, and measuring in turns."""


def row(scenario, subject, unit, values):
    ordered = sorted(values)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"scenario": scenario, "subject": subject, "unit": unit, "p50": ordered[(len(ordered) - 1) // 2], "p99": high,
            "runs": len(ordered)}


def in_turns(scenario, unit, subjects, runs, warm_up=3):
    """Subjects are pairs of a name and a function. What the machine does meanwhile hits all of them alike."""
    values = {name: [] for name, _ in subjects}
    for turn in range(runs + warm_up):
        for name, subject in subjects:
            value = subject()
            if turn >= warm_up:
                values[name].append(value)
    return [row(scenario, name, unit, values[name]) for name, _ in subjects]
