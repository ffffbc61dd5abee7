"""What a config names, as examples: the pool, and who of it trains and is judged."""
import dataclasses
import os

import numpy as np
from absl import logging

from kerasnd.data import calibration, columns, hints, negatives, outliers, protocols, sources
from kerasnd.data.splits import Split
from kerasnd.errors import Misuse

# Options of the protocol `semi_supervised` by which it labels nobody.
NOTHING_KNOWN = {"known_outlier": None, "n_known_outliers": 0, "ratio_known_normal": 0.0, "ratio_known_outlier": 0.0}


def split(config, data_dir=None, schema=None):
    """The examples of a run.

    Args:
        config: dict, resolved; where it has `limit`, at most that many are trained on; where it has `hints`, they are told.
        data_dir: path of prepared TFDS sets, or None.
        schema: dict, how the run read its .csv, or None where it is read for the first time.

    Returns:
        (Pool, Split)

    Raises:
        Misuse, BadData: as the sources and the protocols.
    """
    pool, normal = load(config, data_dir, schema)
    return pool, parts(config, pool, normal)


def parts(config, pool, normal):
    """The Split of a config's examples: `split` of a pool that is loaded. `normal` is what `load` gives beside the pool."""
    protocol = dict(config["protocol"])
    if protocol.get("known_outlier") is not None:
        protocol["known_outlier"] = sources.normal_classes(pool, protocol["known_outlier"], "known_outlier")
    if config.get("hints"):
        # The file is all that is known: what the protocol would have labelled is not even drawn.
        protocol.update({key: value for key, value in NOTHING_KNOWN.items() if key in protocol})
    share, rng = protocol.pop(calibration.OPTION, 0.0), np.random.default_rng(config["seed"])
    made = protocols.make(protocol.pop("name"), pool.category, pool.official, normal, rng, **protocol)
    if config.get("hints"):
        _refuse_another_file(config, "hints")
        made = hints.load(config["hints"], pool, made, folder=config["source"]["name"])
    # Behind the hints, since none that is hinted anomalous may be held out. A generator of its own: who is held out depends neither
    # on hints nor on how much a protocol draws under its other options.
    made = calibration.with_calibration(made, pool.category, normal, share, np.random.default_rng((config["seed"], 4)))
    if pool.schema:
        columns.refuse_unfillable(pool.schema, pool.x[made.train[made.hint >= 0]])
    if draws(config):
        names = ", ".join(pool.names[each] for each in normal)
        made = dataclasses.replace(made, told=f"drawn as normal: {names}{made.told and '; '}{made.told}")
    return _limited(made, config["limit"]) if config.get("limit") else made


def _refuse_another_file(config, name):
    """Raises Misuse where a file whose digest stands in a config is gone, or another."""
    path, must = config[name], f"`{name}` must be the file that the run was trained with. Received: {config[name]}, which"
    if not os.path.isfile(path):
        raise Misuse(f"{must} is gone. Put it back there, with its old content.")
    if hints.digest(path, name) != config[f"{name}_sha256"]:
        raise Misuse(f"{must} has changed. Give it its old content.")


def training_part(config, pool, split):
    """What a learner gets: the examples of a split that train, and behind them the negatives of a config that names any.

    The split and its fingerprint do not know of the negatives, so that nobody needs them to judge a run again.

    Args:
        config: dict, resolved.
        pool, split: of that config.

    Returns:
        (x, hint, told): array or Stream (n, ...), int8 (n,) of which the negatives have -1, and str, how many joined; "" where
        there are none. With `limit` at most that many.

    Raises:
        Misuse: the file is gone or has changed. Misuse, BadData: as `negatives.load`.
    """
    x, hint = take(pool.x, split.train), split.hint
    if not config.get("negatives"):
        return x, hint, ""
    _refuse_another_file(config, "negatives")
    normal, names = _normal_again(config, pool)
    unlabelled = pool.category[split.train[hint >= 0]]
    counts = [int((unlabelled == each).sum()) for each in normal]
    own = some(x, np.unique(np.linspace(0, len(hint) - 1, 1000).astype(np.int64)))
    joining = negatives.load(config["negatives"], names, normal, counts, own, config["source"].get("size"))
    told = f"{len(joining)} negatives of {config['negatives']} join {int((hint >= 0).sum())} examples, as known anomalies"
    x, hint = outliers.joined(x, joining), np.concatenate([hint, np.full(len(joining), -1, np.int8)])
    at = _within(hint, config["limit"]) if config.get("limit") else np.arange(len(hint))
    if len(at) < len(hint):
        x, hint, told = take(x, at), hint[at], f"{told}; {len(at)} of both are kept"
    return x, hint, told


def _normal_again(config, pool):
    """(normal categories, names of the data set's own classes) of a pool that `load` gave, outliers joined or not."""
    if not config.get("outliers"):
        return sources.normal_classes(pool, config["normal"], rng=np.random.default_rng((config["seed"], 3))), pool.names
    names = pool.names[:-1]         # the last is the outliers', and of the others only the normals kept their category
    return tuple(np.unique(pool.category[(pool.category >= 0) & (pool.category < len(names))]).tolist()), names


def untold(config):
    """A config by whose protocol the same examples are judged and nobody trains with a label: for other normals and other outliers,
    of which there may be none to label."""
    nothing, protocol = {**NOTHING_KNOWN, "ratio_pollution": 0.0}, config["protocol"]
    return {**config, "hints": "", "protocol": {key: nothing.get(key, value) for key, value in protocol.items()}}


def known(path, generated=""):
    """{"hints": path, "hints_sha256": digest} of a user's labels file, so that a changed one makes another config; "": none.

    Args:
        path: str, as --hints.
        generated: str, as --negatives; where it is given, likewise {"negatives": path, "negatives_sha256": digest}.
    """
    found = {"hints": ""}
    for name, kind, each in (("hints", "a .csv", path), ("negatives", "an .npz or .npy", generated)):
        if each:
            each = os.path.abspath(os.path.expanduser(each))
            found.update({name: each, f"{name}_sha256": hints.digest(each, name, kind)})
    return found


def test_part(config, data_dir=None, schema=None):
    """The examples of a data set that was not trained on, all to be judged.

    Args:
        config, data_dir, schema: as in `split`; protocol, hints and limit play no role.

    Returns:
        (Pool, Split): its official test part, or everything where it has no parts; nobody trains.

    Raises:
        Misuse, BadData: as the sources; Misuse: it has no normals, or no anomalies.
    """
    pool, normal = load(config, data_dir, schema)
    judged = pool.category >= 0 if pool.official is None else (pool.category >= 0) & (pool.official == "test")
    test = np.flatnonzero(judged).astype(np.int64)
    label = (~np.isin(pool.category[test], normal)).astype(np.int8)
    if len(set(label.tolist())) < 2:
        raise Misuse(f"`dataset` must have normals and anomalies to judge. Received: {int((label == 0).sum())} normals and "
                     f"{int(label.sum())} anomalies in {config['source']['name']}, normal={config['normal']}. Name its --normal, "
                     "or give --outliers.")
    nobody = np.zeros(0, np.int64)
    return pool, Split(nobody, nobody.astype(np.int8), test, label, "everything" if pool.official is None else "test_part")


def load(config, data_dir=None, schema=None):
    """(Pool, normal categories), the outliers of another set joined where the config names one. Args, Raises: as `split`."""
    source = dict(config["source"])
    source.update(config.get("batches", {}), data_dir=data_dir)
    pool = sources.load_data(source.pop("name"), schema=schema, **source)
    # A generator of its own: what the protocol draws does not depend on whether the normals were drawn or named.
    normal = sources.normal_classes(pool, config["normal"], rng=np.random.default_rng((config["seed"], 3)))
    if config.get("outliers"):
        pool = outliers.with_outliers(pool, config["outliers"], normal, np.random.default_rng((config["seed"], 1)),
                                      **{key: value for key, value in source.items() if key not in ("missing", "categorical")})
    tell_skipped(pool)
    return pool, normal


def _limited(parts, limit):
    """A split with at most `limit` training examples."""
    at = _within(parts.hint, limit)
    return parts if len(at) == len(parts.train) else dataclasses.replace(parts, train=parts.train[at], hint=parts.hint[at])


def _within(hint, limit):
    """int64, ascending, the places of at most `limit` examples, spread evenly over those of each kind of hint, one of each at
    least; of `hint` int8 (n,)."""
    if len(hint) <= limit:
        return np.arange(len(hint))
    at, left = [], limit
    for kind in (-1, 1, 0):
        members = np.flatnonzero(hint == kind)
        count = min(len(members), left, limit if kind == 0 else max(1, limit * len(members) // len(hint)))
        at.append(members[np.linspace(0, len(members) - 1, count).astype(np.int64)])
        left -= count
    return np.sort(np.concatenate(at))


def draws(config):
    """bool, the normal classes of a config are drawn by its seed."""
    return config["normal"].startswith(sources.RANDOM)


def tell_skipped(pool):
    """Logs which files were left out, and why."""
    for path, reason in pool.skipped:
        logging.warning("left out: %s (%s)", path, reason)


def take(x, index):
    """The examples of `index`, of an array or of a Stream."""
    return x.take(index) if hasattr(x, "examples") else x[index]


def some(x, index):
    """array (m, ...), some examples of an array or of a Stream, in the order of `index`."""
    if not hasattr(x, "examples"):
        return x[index]
    import tensorflow as tf

    found = np.empty((len(index), *x.shape[1:]), x.dtype)
    for position, value in x.examples(tf.constant(index, tf.int64)):
        found[int(position)] = value.numpy()
    return found


def described(pool):
    """dict, what a run's record says of its examples: what every later one must be like."""
    return {"shape": list(pool.example_shape), "dtype": np.dtype(pool.x.dtype).name,
            **({"schema": pool.schema} if pool.schema else {}), **({"block_mean": True} if pool.block_mean else {})}


def check_fit(record, shape, given_shape, given_dtype, argument):
    """Refuses examples of another shape than the detector's, and warns of another type, whose range may be another.

    Args:
        record: dict, of the run.
        shape: tuple of int, of one of the detector's examples.
        given_shape, given_dtype: of an example that is to be scored.
        argument: str, what named the examples.
    """
    if given_shape != shape:
        remedy = " Train with --config.source.size=[h,w] to have images of any size resized." if len(shape) == 3 else ""
        raise Misuse(f"`{argument}` must hold examples of the detector's shape {shape}. Received: {given_shape}.{remedy}")
    trained, given = record.get("examples", {}).get("dtype"), np.dtype(given_dtype).name
    if trained and trained != given:
        logging.warning("trained on %s values and given %s: scores mean something only where the range is the same",
                        trained, given)
