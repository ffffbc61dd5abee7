"""Fewer epochs, in proportion: a schedule divided by a factor, and the factor that a budget of time allows."""
import re

from kerasnd.errors import Misuse

UNITS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def shorten(config, factor):
    """Yields (key, text), the overrides that divide a config's epochs.

    The epochs at which the rate drops, and those of a warm-up, are divided too; at least one epoch is left everywhere. Stages that
    are solved for in one piece stay as they are.

    Args:
        config: dict, resolved.
        factor: float >= 1; 1: nothing is changed.
    """
    if factor == 1:
        return
    for place, stage in enumerate(config["stages"]):
        if "fit" not in stage:
            continue
        yield f"stages[{place}].fit.epochs", str(divided(stage["fit"]["epochs"], factor))
        drops = stage["optimizer"].get("milestones")
        if drops:
            yield f"stages[{place}].optimizer.milestones", str([divided(each, factor) for each in drops])
        warm_up = stage["model"].get("warm_up_epochs")
        if warm_up:
            yield f"stages[{place}].model.warm_up_epochs", str(divided(warm_up, factor))


def divided(epochs, factor):
    """int >= 1."""
    return max(1, round(epochs / factor))


def seconds_of(text):
    """float, the seconds of "90s", "30min", "2h" or "1.5d".

    Raises:
        Misuse: it is none of these.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text)
    if not found or found[2] not in UNITS or not float(found[1]):
        raise Misuse(f"`--budget` must be a time, as 90s, 30min, 2h or 1.5d. Received: --budget={text}.")
    return float(found[1]) * UNITS[found[2]]


def factor_for(budget, costs, workers, spent=0.0):
    """float >= 1, by which epochs are divided so that a sweep fits a budget.

    Args:
        budget: float, seconds.
        costs: list of (fixed, stages), one a cell: float, seconds that do not depend on the epochs; and a list of
            (seconds an epoch, epochs) of its stages.
        workers: int, cells at a time.
        spent: float, seconds of the budget that are gone.

    Raises:
        Misuse: not even one epoch of every stage fits.
    """
    def total(factor):
        return spent + sum(fixed + sum(each * divided(epochs, factor) for each, epochs in stages)
                           for fixed, stages in costs) / workers
    if total(1) <= budget:
        return 1.0
    most = max((epochs for _, stages in costs for _, epochs in stages), default=1) * 2.0 + 1
    if total(most) > budget:
        raise Misuse(f"`--budget` must leave time for one epoch of everything. Received: {told(budget)}, where {len(costs)} cells "
                     f"and their timing take {told(total(most))}. Give more, or fewer cells.")
    low, high = 1.0, most
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if total(middle) <= budget else (middle, high)
    return round(high + 0.005, 2)


def told(seconds):
    """str, for people: "45 s", "12 min", "3 h 20 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
