"""A finished run under attack: what of its AUROC is left, beside the run's own metrics, which stay as they are."""
import time

import numpy as np
from absl import logging

from kerasnd import figures, robustness
from kerasnd.atomic import whole
from kerasnd.data import protocols
from kerasnd.data.splits import judged_rows
from kerasnd.errors import BadData
from kerasnd.examples import some, take
from kerasnd.folder import METRICS_ATTACK, SCORES_ATTACK, as_json, read_json

SHOWN = 8       # of each class, in the figure


def judge(folder, detector, pool, split, method, data, attack, eps, seed, judged, log):
    """Attacks the test part, writes a figure, then scores and metrics, prints the table.

    metrics_attack.json holds one entry for each attack and eps that was tried, {"linf 0.1": {...}}; the last of a kind counts.

    Args:
        folder: RunFolder, locked.
        detector, pool, split, method, data, log: as in `judging.judge`.
        attack, eps, seed: as in `robustness.attack_scores`.
        judged: dict, what is judged instead of the run's own data; empty: nothing.

    Returns:
        dict, the entry.

    Raises:
        Misuse, BadData: as `robustness.attack_scores`.
    """
    x, began = take(pool.x, split.test), time.monotonic()
    found = robustness.attack_scores(detector, x, split.label, attack, eps, seed=seed, keep=SHOWN if pool.is_image else 0)
    result = {**robustness.numbers(split.label, found, split.times), "seed": seed, "seconds": time.monotonic() - began,
              "protocol": split.name, "protocol_hash": protocols.fingerprint(split), **({"judged": judged} if judged else {})}
    if pool.is_image:
        at = found.index
        figures.attacked(some(x, at), found.examples, split.label[at], found.score[at], found.attacked_score[at],
                         folder / "figures" / "attack.png", f"{found.name}: {method}, {data}")
    entries = {**_earlier(folder), found.name: result}
    with whole(folder / METRICS_ATTACK) as last, whole(folder / SCORES_ATTACK.format(found.name.replace(" ", "_"))) as temporary:
        with open(temporary, "wb") as file:
            np.savez(file, **judged_rows(split), score=found.score, attacked_score=found.attacked_score, change=found.change)
        last.write_text(as_json(entries))
    log.say(table(method, found.name, result))
    log.say(f"run: {folder.path}")
    return result


def table(method, name, result):
    """str, the closing table of an attack."""
    def interval(key):
        return f"{result[key + '_low']:.4f} to {result[key + '_high']:.4f}" if key + "_low" in result else ""
    steps = f", {result['steps']} steps" if result["steps"] else ""
    rows = [(f"{method}, {name}{steps}", "AUROC", "95 % interval"),
            *((told, f"{result[key]:.4f}", interval(key)) for told, key in (
                ("as they are", "auroc"), ("normals attacked", "adversarial_auroc_normals"),
                ("anomalies attacked", "adversarial_auroc_anomalies"), ("all attacked", "adversarial_auroc")))]
    wide = [max(len(row[i]) for row in rows) for i in range(3)]
    length = "of a value" if result["attack"] == "linf" else "in Euclidean length"
    return "\n".join(["  ".join(cell.ljust(width) for cell, width in zip(row, wide)).rstrip() for row in rows] + [
        f"n {result['n_test']} ({result['n_anomalous']} anomalous); largest change {length} {result['largest_change']:.4g}, mean "
        f"{result['mean_change']:.4g}; {100 * result['share_unharmed']:.1f} % were left alone; {result['seconds']:.1f} s"])


def _earlier(folder):
    """dict, the entries of earlier attacks."""
    if not (folder / METRICS_ATTACK).exists():
        return {}
    try:
        return read_json(folder / METRICS_ATTACK)
    except BadData as error:
        logging.warning("%s Written anew with this attack alone.", str(error).partition(". ")[0] + ".")
        return {}
