"""What a finished run shows of itself, by its model and its data: extreme examples, where their scores come from, neighbours."""
import json
import statistics
import time

import numpy as np
import tensorflow as tf
from absl import logging

from kerasnd import attribution, devices, examples, figures, neighbours, saving
from kerasnd.data import protocols, sources
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.folder import DETECTOR, SCORES, RunFolder
from kerasnd.held_out import scores as held_out_scores
from kerasnd.page.pictures import shrunk
from kerasnd.serving import card

EXTREME, ALARMS, NEAREST = 8, 5, 3      # examples of either end, false alarms, and neighbours of each
BANK = 20_000                           # training examples among which neighbours are sought
SIDE, LEFT = 64, 640                    # pixels of what is kept of an image, and of a picture that training left
ALIKE = 0.05                            # of the scores' deviation: so far apart may they be on another machine
REQUESTS, ENOUGH = 30, 0.5              # of a latency: at most so many, and at most about so many seconds
SOURCES = {
    "residual": "The map is the squared difference between what the model sees and what it redraws of it, value by value.",
    "gradient": "The map is gradient × input: the derivative of the score by each preprocessed value, times that value.",
    "attention": "The map is attention rollout: how much of the class token’s attention, through all blocks, each pixel has. It "
                 "tells what the features are made of, not whether that raises the score.",
    "": "The score has no gradient (a forest is flat almost everywhere), so that there is no map.",
}


def gather(place, data_dir=None, kept=None):
    """The evidence of a run.

    Args:
        place: path of a finished run's folder.
        data_dir: path of prepared TFDS sets; None: where the run found them.
        kept: dict in which the last data set waits for the next run that has the same, or None.

    Returns:
        dict of plain values and arrays: problem (str, a sentence; where it is not "", of the rest only figures are there: list of
        (name, uint8 (h, w, 3)), the pictures that training left), is_image, limits (black and white of the images), redrawn (bool),
        kind ("residual", "gradient", "attention" or "": no map), source (str, what the map is), features (names of a table's),
        space (str, where neighbours are near), neighbours_told (str), card (dict), latency ({batch size: seconds}), normal, anomalous and alarms: lists of examples. An example is a dict: index, label, score, name, shown
        (array), redrawn (array or None), heat (array or None), terms ({part of the score: float} or None), and for alarms
        neighbours: list of dict of index, hint, name, shown and distance.
    """
    try:
        return _gathered(RunFolder(place), data_dir, {} if kept is None else kept)
    except (Misuse, BadData, OSError, tf.errors.OpError, MemoryError) as error:
        return {"problem": f"Without its model or its data there is only what was kept of it: {_first_line(error)}",
                "figures": _left(RunFolder(place) / "figures")}


def _left(folder):
    """list of (name, uint8 (h, w, 3)), pictures of single examples that training left."""
    from matplotlib import image
    found = []
    for name in ("most_normal", "most_anomalous", "reconstructions"):
        try:
            drawn = image.imread(folder / f"{name}.png")
            found.append((name.replace("_", " "), np.rint(shrunk(drawn[..., :3] * 255, LEFT)).astype(np.uint8)))
        except (OSError, SyntaxError, ValueError, IndexError):     # the last three are what half a picture gives
            continue
    return found


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _gathered(folder, data_dir, kept):
    record = folder.finished_record()
    config = record["config"]
    devices.prepare("none", precision=config.get("precision", "float32"))
    detector = saving.load(folder / DETECTOR)
    with np.load(folder / SCORES, allow_pickle=False) as file:
        index, label, score = file["index"], file["label"], file["score"]
    pool, split = _split(config, data_dir or record.get("data_dir"), record, kept)
    if not (np.array_equal(index, split.test) and np.array_equal(label, split.label)):
        raise BadData("its scores are of other examples than its own test part.")
    kind = attribution.kind_of(detector)
    chosen = {"normal": figures.extremes(score, "normal", EXTREME), "anomalous": figures.extremes(score, "anomalous", EXTREME)}
    normals = np.flatnonzero(label == 0)
    chosen["alarms"] = normals[figures.extremes(score[normals], "anomalous", ALARMS)]
    asked = np.unique(np.concatenate(list(chosen.values())))
    x = examples.some(pool.x, split.test[asked])
    off = float(np.sqrt(np.mean(np.square(detector.predict(x, verbose=0).astype(np.float64) - score[asked]))))
    if not off <= ALIKE * np.std(score, dtype=np.float64):
        raise BadData(f"its model gives other scores now than those that were kept, {off:.3g} apart in the mean.")
    told, kind = _explained(detector, x, kind)
    shown = told["seen"] if pool.is_image and kind == "residual" else x
    found = {"problem": "", "is_image": pool.is_image, "kind": kind, "redrawn": told["redrawn"] is not None,
             "source": SOURCES[kind], "features": None if pool.is_image else _features(pool), "card": _card(folder, detector),
             "latency": latency(detector, x)}
    found["limits"] = (0, 255) if shown.dtype == np.uint8 else (float(np.nanmin(shown)), float(np.nanmax(shown)))
    small = _small if pool.is_image else np.asarray
    rows = {}
    for row, at in enumerate(asked):
        rows[at] = {"index": int(split.test[at]), "label": int(label[at]), "score": float(score[at]),
                    "name": _name(pool, split.test[at]), "shown": small(shown[row]),
                    "redrawn": None if told["redrawn"] is None else small(told["redrawn"][row]),
                    "heat": None if told["heat"] is None else _flat(told["heat"][row], pool.is_image),
                    "terms": {name: float(each[row]) for name, each in told["terms"].items()}}
    for name, places in chosen.items():
        found[name] = [rows[at] for at in places.tolist()]
    found.update(_with_neighbours(detector, config, pool, split, found["alarms"], shown is not x))
    return found


def _split(config, data_dir, record, kept):
    """(Pool, Split) of a run. Raises BadData: they are no longer those of its training; else as `examples.split`."""
    schema = record.get("examples", {}).get("schema")
    key = json.dumps([config["source"], config.get("batches"), str(data_dir), schema])
    if config.get("outliers"):
        pool, normal = examples.load(config, data_dir, schema)
    elif kept.get("key") != key:
        pool, normal = examples.load(config, data_dir, schema)
        kept.update(key=key, pool=pool)
    else:
        pool = kept["pool"]
        normal = sources.normal_classes(pool, config["normal"], rng=np.random.default_rng((config["seed"], 3)))
    split = examples.parts(config, pool, normal)
    digest = protocols.fingerprint(split)
    if digest != record["protocol"]["hash"]:
        raise BadData(f"its data is no longer what it was: the split is {digest} now, and was {record['protocol']['hash']}.")
    return pool, split


def _explained(detector, x, kind):
    """({"seen", "redrawn", "heat", "terms"}, kind): arrays of raw examples x, "" for the kind where there is no map."""
    seen = detector.normalizer(tf.constant(x))
    try:
        heat = attribution.shares(detector, seen, kind)
    except (Misuse, LookupError, NotImplementedError, tf.errors.OpError) as error:
        logging.info("no map: %s", error)
        heat, kind = None, ""
    terms = detector.terms(x) if getattr(detector, "keeps_density", False) else {}
    redrawn = np.asarray(detector.redraw(seen)) if kind == "residual" else None
    return {"seen": np.asarray(seen), "redrawn": redrawn, "heat": heat,
            "terms": {name: np.asarray(value) for name, value in terms.items()}}, kind


def _with_neighbours(detector, config, pool, split, alarms, seen):
    """Gives each alarm its neighbours. Returns {"space", "neighbours_told"}."""
    x, hint, _ = examples.training_part({**config, "negatives": ""}, pool, split)
    at = np.arange(len(hint)) if len(hint) <= BANK else np.unique(np.linspace(0, len(hint) - 1, BANK).astype(np.int64))
    space, codes = codes_of(detector)
    bank = _over(codes, examples.take(x, at))
    asked = _over(codes, examples.some(pool.x, np.array([each["index"] for each in alarms], np.int64)))
    for each, own in zip(alarms, asked):
        others = np.flatnonzero(split.train[at] != each["index"])      # in transductive protocols it trained itself
        near, distance = nearest(own, bank[others])
        places = at[others[near]]
        values = examples.some(x, places)
        if seen:
            values = np.asarray(detector.normalizer(tf.constant(values)))
        each["neighbours"] = [
            {"index": int(split.train[place]), "hint": int(hint[place]), "name": _name(pool, split.train[place]),
             "distance": float(far), "shown": _small(value) if pool.is_image else np.asarray(value)}
            for place, far, value in zip(places, distance, values)]
    return {"space": space, "neighbours_told": "" if len(at) == len(hint) else f"Sought among {len(at)} of {len(hint)}."}


def codes_of(detector):
    """(str, function of raw examples to float32 (b, d)): the space in which examples are near to each other."""
    if detector.coder() is not None:
        return "the detector’s own codes", detector.encode
    return "preprocessed values (the method has no encoder)", lambda x: tf.reshape(detector.normalizer(x), (len(x), -1))


def nearest(own, bank, k=NEAREST):
    """The nearest neighbours of one example.

    Args:
        own: float32 (d,); bank: float32 (n, d); k: int.

    Returns:
        (int (min(k, n),), the nearest first; float64, their Euclidean distances).
    """
    k = min(k, len(bank))
    if not k:
        return np.zeros(0, int), np.zeros(0)
    near = neighbours.nearest(tf.constant(own[None]), tf.constant(bank), k)[0].numpy()
    distance = np.sqrt(np.sum(np.square(bank[near].astype(np.float64) - own), axis=1))
    order = np.argsort(distance, kind="stable")
    return near[order], distance[order]


def _over(codes, x):
    """float32 (n, d), in the order of x, an array or a Stream."""
    found = np.concatenate([np.concatenate([position.numpy()[:, None], np.asarray(codes(batch)).reshape(len(position), -1)], axis=1)
                            for batch, _, position in Feed(x, batch_size=256).once()])
    return found[np.argsort(found[:, 0], kind="stable"), 1:].astype(np.float32)


def latency(detector, x):
    """{1: seconds, 32: seconds}, medians of the compiled score of so many raw examples, measured now."""
    compiled, found = tf.function(detector.score, reduce_retracing=True), {}
    for n in (1, 32):
        batch, taken = tf.constant(np.resize(x, (n, *x.shape[1:]))), []
        compiled(batch).numpy()         # the first one traces
        while len(taken) < REQUESTS and sum(taken) < ENOUGH:
            began = time.perf_counter()
            compiled(batch).numpy()
            taken.append(time.perf_counter() - began)
        found[n] = statistics.median(taken)
    return found


def _card(folder, detector):
    """dict, of the model card what a run knows before it is exported."""
    held = held_out_scores(folder)
    return {**card.of_detector(detector), **({} if held is None else {"held_out_normals": len(held)})}


def _small(x):
    return shrunk(np.asarray(x), SIDE)


def _flat(heat, is_image):
    """One value a pixel: the sum over channels. Of a table as it is."""
    return _small(np.sum(heat, axis=-1)) if is_image else heat


def _features(pool):
    """list of str, what each feature of a table is called."""
    names = [f"{column['name']} = {level or 'missing'}" if level is not None else column["name"]
             for column in (pool.schema or {}).get("columns", ()) for level in column.get("levels", [None])]
    return names or [f"feature {place}" for place in range(pool.example_shape[0])]


def _name(pool, at):
    category = int(pool.category[at])
    return str(pool.names[category]) if category >= 0 else "outlier"
