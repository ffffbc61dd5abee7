"""What a training shows while it runs: one bar a stage on a terminal, a line now and then elsewhere, every epoch in the log."""
import sys
import time

import keras


class Progress(keras.callbacks.Callback):
    """A bar over all steps of a stage, with the loss and the time left.

    Args:
        title: str.
        epochs, steps: int, of the whole stage and of an epoch.
        log: path of the file to which a line an epoch is added.
    """

    def __init__(self, title, epochs, steps, log):
        super().__init__()
        self.title, self.epochs, self.steps, self.log = title, epochs, steps, log
        self.terminal = sys.stdout.isatty()

    def on_train_begin(self, logs=None):
        print(self.title, flush=True)
        self.bar = keras.utils.Progbar(self.epochs * self.steps, stateful_metrics=["loss", "epoch"]) if self.terminal else None
        self.told = self.began = time.monotonic()
        self.epoch = self.first = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.first = epoch if self.first is None else self.first

    def on_train_batch_end(self, batch, logs=None):
        if self.bar is not None:
            self.bar.update(min(self.epoch * self.steps + batch + 1, self.epochs * self.steps),
                            [("epoch", self.epoch + 1)] + list((logs or {}).items()), finalize=False)

    def on_epoch_end(self, epoch, logs=None):
        told = ", ".join(f"{name} {float(value):.6g}" for name, value in (logs or {}).items())
        with open(self.log, "a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {self.title}: epoch {epoch + 1}/{self.epochs}, {told}\n")
        now = time.monotonic()
        last = epoch + 1 == self.epochs
        if self.bar is not None and last:
            self.bar.update(self.epochs * self.steps, list((logs or {}).items()), finalize=True)
        elif self.bar is None and (last or now - self.told > 15):
            self.told = now
            left = (now - self.began) / (epoch + 1 - self.first) * (self.epochs - epoch - 1)
            print(f"  epoch {epoch + 1}/{self.epochs}, {told}, {left:.0f} s left", flush=True)
