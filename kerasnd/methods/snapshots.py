"""Snapshots of a generator while it learns: how far what it draws is from what it was shown."""
import numpy as np

from kerasnd import arguments, feeding, frechet
from kerasnd.errors import Misuse
from kerasnd.networks import backbones

PIXELS = 64         # principal components of the normalised values
MOST = 10_000       # training examples that are looked at, evenly from all
SHOWN = 48          # examples of a picture
SEED = 2 ** 31 - 1  # of what a snapshot draws: always the same noise


class Snapshots:
    """The part of a generator that watches what it draws, and may stop it before it is perfect.

    With every snapshot the logs of an epoch have
        frechet_distance    between what is drawn and the training examples, in a feature space
        nearest_ratio       the median distance of what is drawn to the nearest training example, by the median distance of training
                            examples to the nearest other one: towards 0 they are copies

    Near-distribution negatives are drawn while the distance is still between one and a half and four times of what it would come
    down to: `target_distance` stops there.
    """

    def keep_snapshots(self, snapshot_every, snapshot_size, features, target_distance):
        """Checks and keeps the arguments."""
        arguments.whole("snapshot_every", snapshot_every, at_least=0)
        arguments.whole("snapshot_size", snapshot_size, at_least=2)
        if target_distance is not None:
            arguments.number("target_distance", target_distance, above=0)
            if not snapshot_every:
                raise Misuse("`target_distance` must go with snapshots. Received: snapshot_every=0. Give snapshot_every=1 or more.")
        if features != "pixels" and not str(features).endswith(".keras"):
            raise Misuse(f"`features` must be pixels, or the path of a .keras file. Received: features={features!r}.")
        self.snapshot_every, self.snapshot_size = snapshot_every, snapshot_size
        self.features, self.target_distance = features, target_distance
        self.reached = self.add_weight(shape=(), initializer="zeros", trainable=False, name="reached")
        self._watched = self._extract = None
        self.snapshot = None        # float32 (n, ...), the first raw examples of the last one

    def fit(self, *args, **kwargs):
        """As `Detector.fit`; a training that had ended at its distance is not gone on with where it is resumed."""
        if kwargs.get("initial_epoch") and self.reached.numpy():
            kwargs["epochs"] = kwargs["initial_epoch"]
        return super().fit(*args, **kwargs)

    def ready(self, feed):
        super().ready(feed)
        self._watched = None
        if self.snapshot_every and self.features != "pixels":      # read now: hours later is too late for a wrong path
            network = backbones.whole_model(self.features, self.example_shape)
            # in a function, where Keras does not look for layers: the network is no part of this detector
            self._extract = lambda x: network.predict(x, batch_size=256, verbose=0)

    def on_epoch_end(self, epoch):
        if not self.snapshot_every or (epoch + 1) % self.snapshot_every:
            return None
        if self._watched is None:
            self._watched = Watched(self._shown(self.feed), self._extract)
        drawn = self.sample(self.snapshot_size, SEED)
        self.snapshot = drawn[:SHOWN]
        found = self._watched.compared(np.concatenate([self.normalizer(drawn[at:at + 256]) for at in range(0, len(drawn), 256)]))
        if self.target_distance is not None and found["frechet_distance"] < self.target_distance:
            self.reached.assign(1)
            self.stop_training = True
        return found

    def _shown(self, feed):
        """float32 (n, ...), normalised normal examples, at most `MOST`."""
        hint = feeding.hints(feed)
        normal = np.flatnonzero(hint >= 0)
        kept = np.zeros(len(hint), bool)
        kept[normal[np.linspace(0, len(normal) - 1, min(len(normal), MOST)).astype(np.int64)]] = True
        return np.concatenate([self.normalizer(x).numpy()[kept[position.numpy()]] for x, _, position in feed.once()])


class Watched:
    """The training examples, ready to be compared with.

    Args:
        shown: float32 (n, ...), normalised.
        features: function of examples to features (n, k), or None: principal components of the values.
    """

    def __init__(self, shown, features):
        self.shown = shown.reshape(len(shown), -1)
        self.features = features or frechet.PixelFeatures(shown, PIXELS)
        self.moments = frechet.moments(self.features(shown))
        self.usual = None

    def compared(self, drawn):
        """dict of float, what the logs are to hold: see `Snapshots`."""
        drawn = np.clip(drawn, 0, 1)
        near = frechet.nearest(drawn, self.shown, None if self.usual is None else self.shown[:0])
        self.usual = float(np.median(near.usual)) if self.usual is None else self.usual
        return {"frechet_distance": frechet.distance(frechet.moments(self.features(drawn)), self.moments),
                "nearest_ratio": float(np.median(near.distance)) / max(self.usual, 1e-12)}
