"""The whole page, within its size: images shrink first, then evidence, then sections of the last runs are left out, and it says so."""
from kerasnd.page.elements import Markup, join, tag
from kerasnd.page.look import STYLE
from kerasnd.page.sections import section
from kerasnd.page.tables import averages, remarks

MOST_BYTES = 5_000_000
SIDES = (64, 48, 32, 24)        # pixels of an image's longer side, until it fits
FOR_IMAGES = 0.75               # share of the page for runs with evidence


def document(summary, told, runs, title, command="", extra=(), most=MOST_BYTES):
    """str, the HTML.

    Args:
        summary: list of dict from `report.table`.
        told: sequence of str, remarks about single runs.
        runs: list of dict, in the order in which they are shown: row (of `report.collect`), record (content of config.json),
            metrics (of metrics.json), config (list of (key, text)), label and score (m,), evidence (dict of `evidence.gather`, or
            None) and without (str, why it has none).
        title: str.
        command: str, what wrote the page.
        extra: sequence of (title, Markup): sections between the table and the runs, as a comparison.
        most: int, bytes.
    """
    above = [("Averages", averages(summary)), *extra]
    foot = tag("footer", tag("h2", "This page"), tag("pre", command) if command else None,
               tag("p", "It holds all that it shows: nothing is fetched, and no script runs. Scores are the higher the stranger; "
                        "a bootstrap interval is over examples of one run, ± is over runs.", class_="note"))
    frame = _page(title, _heading(title, runs, [name for name, _ in above]), above, remarks(told), Markup(""), "", foot)
    bodies, said = _fitting(runs, most - len(frame.encode()) - 2000)
    return _page(title, _heading(title, runs, [name for name, _ in above] + ["Runs"]), above, remarks(told), bodies, said, foot)


def _fitting(runs, room):
    """(Markup of the sections, str of what was left out): those with evidence as large as they fit, then the others."""
    names = [f"run-{place + 1}" for place in range(len(runs))]
    rich = [place for place, run in enumerate(runs)
            if run.get("evidence") and (not run["evidence"]["problem"] or run["evidence"].get("figures"))]
    made, total, before = {}, 0, SIDES[0]
    for side in SIDES:
        if total * (side / before) ** 2 > room * FOR_IMAGES and side != SIDES[-1]:
            continue            # images of another size would still be too large
        made, before = {place: section(runs[place], names[place], side, place == 0) for place in rich}, side
        total = sum(len(each.encode()) for each in made.values())
        if total <= room * FOR_IMAGES:
            break
    used, kept, bare, gone = 0, {}, 0, 0
    for place in rich:
        if used + len(made[place].encode()) <= room * FOR_IMAGES:
            kept[place] = made[place]
            used += len(made[place].encode())
    for place, run in enumerate(runs):
        if place in kept:
            continue
        plain = section(run, names[place], 0, place == 0)
        if used + len(plain.encode()) > room:
            gone += 1
            continue
        kept[place], bare = plain, bare + (place in made)
        used += len(plain.encode())
    said = [f"Images are shown with at most {side} pixels a side." if made and side < SIDES[0] else "",
            f"The images of {bare} runs are left out, to keep this page small." if bare else "",
            f"{gone} runs have no section, to keep this page small; the averages count them." if gone else ""]
    return join([kept[place] for place in sorted(kept)]), " ".join(filter(None, said))


def _heading(title, runs, names):
    methods, datasets = ({run["row"][key] for run in runs} for key in ("method", "dataset"))
    counts = ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in (
        (len(runs), "run"), (len(methods), "method"), (len(datasets), "data set")))
    return tag("header", tag("h1", title), tag("p", counts, class_="soft"),
               tag("nav", [tag("a", name, href="#" + _id(name)) for name in names], aria_label="Sections"))


def _id(name):
    return "section-" + "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())


def _page(title, heading, above, remarks_folded, bodies, said, foot):
    sections = [tag("section", tag("h2", name, id=_id(name)), body) for name, body in above]
    runs = tag("section", tag("h2", "Runs", id=_id("Runs")),
               tag("p", "Each line opens.", said and f" {said}", class_="note"), bodies) if bodies else None
    head = tag("head", tag("meta", charset="utf-8"), tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
               tag("meta", http_equiv="Content-Security-Policy",
                   content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"),
               tag("meta", name="color-scheme", content="light dark"), tag("title", title), tag("style", Markup(STYLE)))
    return Markup("<!DOCTYPE html>\n") + tag("html", head, tag("body", heading, tag("main", sections, remarks_folded, runs), foot),
                                            lang="en") + "\n"
