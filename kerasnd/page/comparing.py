"""Which methods differ: ranks and corrected tests, as `report_comparison` has them."""
from kerasnd import report_comparison as said
from kerasnd.page.elements import folded, join, table, tag


def comparing(compared):
    """Markup of what `report_comparison.comparisons` found.

    Args:
        compared: list of (title, Comparison).
    """
    head = [name or "verdict" for name in said.HEAD]
    blocks = []
    for title, found in compared:
        pairs = None
        if 2 < len(found.names) <= said.FULL:
            pairs = folded("p of every pair", table(["p", *found.names[1:]], said.every_pair(found), 1, f"Every pair: {title}",
                                                    silent=True))
        blocks.append(tag("section", tag("h3", title), tag("p", said.sentence(title, found), class_="note"),
                          table(head, said.body(found), 1, f"Comparison: {title}", silent=True), pairs))
    return join(blocks, tag("p", said.NOTE, class_="note"))
