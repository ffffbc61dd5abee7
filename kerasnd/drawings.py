"""Pictures of what a generator draws while it learns, beside the numbers of its snapshots."""
import keras

from kerasnd import figures


class Drawings(keras.callbacks.Callback):
    """Writes a picture with every snapshot of a generator of images; of other detectors nothing.

    Args:
        folder: Path, of figures.
        title: str, what is trained.
    """

    def __init__(self, folder, title):
        super().__init__()
        self.folder, self.title = folder, title

    def on_epoch_end(self, epoch, logs=None):
        drawn = getattr(self.model, "snapshot", None)
        if drawn is None or drawn.ndim != 4 or "frechet_distance" not in (logs or {}):
            return
        figures.samples(drawn, self.folder / f"drawn_{epoch + 1:04d}.png",
                        f"{self.title}, epoch {epoch + 1}: Frechet distance {logs['frechet_distance']:.4g}, "
                        f"nearest ratio {logs['nearest_ratio']:.3f}")
