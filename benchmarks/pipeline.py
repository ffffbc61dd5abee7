"""What reading costs: epochs through `Detector.fit`, the same steps on one resident batch, and the reading alone."""
import statistics

import results
import worker
from cases import BATCH, CASES, adam, detector, images

ACTIONS = ("epoch", "resident", "reading")
PASSES = 5      # epochs read in a round: more than is held ready while another has its turn
WANTED = 0.10   # share of an epoch that reading may cost


def report(options):
    """Yields Markdown."""
    specs = {case.title: {"case": name, "device": options.device, "threads": options.threads}
             for name, case in options.cases.items()}
    answers, told = worker.measure("pipeline", specs, options.rounds, ACTIONS)
    rows = [row(title, {action: [answer["seconds"] for answer in rounds[action]] for action in ACTIONS})
            for title, rounds in answers.items()]
    yield "## Input pipeline"
    yield (f"Milliseconds a step at batch {BATCH}. Reading goes on beside the training of the batch before, so its share of the "
           f"epoch is the most that it can cost; at most {WANTED:.0%} is wanted.")
    yield results.table(("network", "Detector.fit", "one resident batch", "fit costs more by", "reading alone", "of the epoch"),
                       rows)
    yield from told


def row(title, seconds):
    """The cells of one case; shares are medians over the rounds' own."""
    medians = [f"{1e3 * statistics.median(seconds[action]):.2f}" for action in ACTIONS]
    more = statistics.median(a / b - 1 for a, b in zip(seconds["epoch"], seconds["resident"]))
    share = statistics.median(a / b for a, b in zip(seconds["reading"], seconds["epoch"]))
    return title, medians[0], medians[1], f"{more:.1%}", medians[2], f"{share:.1%}" + (" (too much)" if share > WANTED else "")


def serve(spec, turns):
    """The process of one case: all three in one, with the same variables."""
    import keras
    import tensorflow as tf

    from kerasnd import devices
    from kerasnd.feeding import Feed
    case = CASES[spec["case"]]
    devices.prepare("none", device=spec["device"], threads=spec["threads"])
    made = detector(case)
    made.compile(adam(case))
    feed = Feed(images(case, case.steps * BATCH), batch_size=BATCH)
    batches, resident = iter(feed.epochs()), next(iter(feed.epochs()))

    @tf.function(jit_compile=made.jit_compile)
    def train_on_resident():
        for _ in tf.range(case.steps):
            made.train_step(resident)

    @tf.function
    def read(batches):
        total = tf.zeros((), tf.int64)
        for _ in tf.range(PASSES * case.steps):
            x, _, position = next(batches)
            total += tf.cast(x[0, 0, 0, 0], tf.int64) + position[0]
        return total

    def hold(epoch, logs):
        if epoch < 2:
            return
        if epoch == 2:
            train_on_resident()
            read(batches)
            turns.say()
        while (action := turns.wait()) != "epoch":
            if action == "resident":
                train_on_resident()
                turns.tell(case.steps)
            else:
                read(batches)
                turns.tell(PASSES * case.steps)

    def tell(epoch, logs):
        if epoch >= 2:
            turns.tell(case.steps)
    made.fit(feed, epochs=10 ** 6, verbose=0,
             callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=hold, on_epoch_end=tell)])
