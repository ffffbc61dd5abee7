"""A folder of image files through `bin/score`: all of it, its reading and decoding alone, and its model alone."""
import pathlib
import statistics
import tempfile

import results
import worker
from cases import CASES, detector, images

ACTIONS = ("scoring", "decoding", "model")
# The encoders: the kind of the files, their sides in pixels (resized to the network's), and how many are in a folder and in one of
# many more, which must not take more memory.
FOLDERS = {"mnist-encoder": ("png", 28, (4096, 100_000)), "cifar10-encoder": ("jpg", 256, (2048, 8192))}
WANTED = 0.9        # share of the slower one alone that all together should reach


def report(options):
    """Yields Markdown."""
    specs = {}
    for name in (each for each in options.cases if each in FOLDERS):
        kind, side, sizes = FOLDERS[name]
        for n in sizes:
            specs[f"{CASES[name].title}, {n} .{kind} of {side}x{side}"] = {
                "case": name, "n": n, "device": options.device, "threads": options.threads}
    if not specs:
        return
    with tempfile.TemporaryDirectory() as folder:       # here: a worker ends without clearing up
        for number, spec in enumerate(specs.values()):
            spec["folder"] = f"{folder}/{number}"
        answers, told = worker.measure("scoring_folder", specs, options.rounds, ACTIONS)
    yield "## Scoring a folder"
    yield (f"Images a second. Reading and decoding go on beside the model, on the same cores where there is no GPU: \"one after "
           f"the other\" is what both alone would come to then. At least {WANTED:.0%} of the slower one is wanted where each has a "
           "device of its own. The memory of the longer folder is to be that of the shorter one.")
    heads = ("folder", "bin/score", "decoding alone", "model alone", "of the slower", "one after the other", "of that",
             "processor us per image", "both alone", "peak MiB")
    yield results.table(heads, [row(title, rounds) for title, rounds in answers.items()])
    yield from told


def row(title, rounds):
    """The cells of one folder; shares are medians over the rounds' own."""
    seconds = {action: [answer["seconds"] for answer in rounds[action]] for action in ACTIONS}
    whole, decoding, model = (seconds[action] for action in ACTIONS)
    rates = [f"{1 / statistics.median(each):.0f}" for each in (whole, decoding, model)]
    slower = statistics.median(max(b, c) / a for a, b, c in zip(whole, decoding, model))
    both = statistics.median((b + c) / a for a, b, c in zip(whole, decoding, model))
    alternating = 1 / statistics.median(b + c for b, c in zip(decoding, model))
    worked = {action: statistics.median(answer["worked"] for answer in rounds[action]) * 1e6 for action in ACTIONS}
    return (title, *rates, f"{slower:.0%}", f"{alternating:.0f}", f"{both:.0%}", f"{worked['scoring']:.0f}",
            f"{worked['decoding'] + worked['model']:.0f}", f"{rounds['scoring'][0]['memory']:.0f}")


def serve(spec, turns):
    """The process of one folder."""
    import tensorflow as tf

    from kerasnd import devices, growing, scoring, verdicts
    from kerasnd.data import unlabelled
    case, (kind, side, _), n, folder = CASES[spec["case"]], FOLDERS[spec["case"]], spec["n"], pathlib.Path(spec["folder"])
    devices.prepare("none", device=spec["device"], threads=spec["threads"])
    made, shape = detector(case), case.lenet.shape
    compiled = tf.function(made.score, reduce_retracing=True)
    write(folder / "in", kind, side, shape[-1], n)
    data = unlabelled.load(folder / "in", size=shape[:2], channels=shape[-1])
    batch = tf.constant(images(case, data.rows))

    def all_of_it():
        with growing.GrowingTable(folder / "s.csv", scoring.HEADER, spec) as table:
            scoring.fill(table, scoring.here(compiled, data), data, verdicts.Verdicts(None))
            table.finish()

    def decoding():
        for _ in data.pieces():
            pass

    def model():
        for _ in range(n // data.rows):
            compiled(batch).numpy()
    works = dict(zip(ACTIONS, (all_of_it, decoding, model)))
    all_of_it()
    turns.say()
    while True:
        works[turns.wait()]()
        turns.tell(n)


def write(folder, kind, side, channels, n):
    """Writes `n` image files, of 64 different contents: smooth, as photographs are, with some noise."""
    import numpy as np
    import tensorflow as tf
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    encoded = []
    for _ in range(64):
        coarse = tf.image.resize(rng.uniform(0, 255, (8, 8, channels)), (side, side), "bicubic")
        image = tf.cast(tf.clip_by_value(coarse + rng.normal(0, 4, coarse.shape), 0, 255), tf.uint8)
        encoded.append((tf.io.encode_png(image) if kind == "png" else tf.io.encode_jpeg(image, quality=90)).numpy())
    for i in range(n):
        (folder / f"{i:07d}.{kind}").write_bytes(encoded[i % 64])
