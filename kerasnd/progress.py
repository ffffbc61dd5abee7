"""What a run tells: one bar a stage on a terminal, a line now and then elsewhere, and everything in its log."""
import logging
import sys
import time

import keras


class RunLog:
    """The log.txt of a run: what is said to the user, every epoch, and absl's lines while the block lasts.

    Args:
        path: of the file, to whose end is written.
    """

    def __init__(self, path):
        self.path = path

    def write(self, text):
        """Adds lines with the time in front. Raises OSError: the disk is full."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        with open(self.path, "a", encoding="utf-8") as file:
            file.writelines(f"{now} {line}\n" for line in text.splitlines())

    def say(self, text):
        """Prints the text, and keeps it."""
        print(text, flush=True)
        self.write(text)

    def __enter__(self):
        self._handler = _Handler(self)
        logging.getLogger("absl").addHandler(self._handler)
        return self

    def __exit__(self, *raised):
        logging.getLogger("absl").removeHandler(self._handler)


class _Handler(logging.Handler):
    def __init__(self, log):
        super().__init__()
        self._log = log

    def emit(self, record):
        self._log.write(f"{record.levelname.lower()}: {record.getMessage()}")


class Progress(keras.callbacks.Callback):
    """A bar over all steps of a stage, with the loss and the time left.

    Args:
        title: str.
        epochs, steps: int, of the whole stage and of an epoch.
        log: RunLog, which gets a line an epoch.
    """

    def __init__(self, title, epochs, steps, log):
        super().__init__()
        self.title, self.epochs, self.steps, self.log = title, epochs, steps, log
        self.terminal = sys.stdout.isatty()

    def on_train_begin(self, logs=None):
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
        self.log.write(f"{self.title}: epoch {epoch + 1}/{self.epochs}, {told}")
        now = time.monotonic()
        last = epoch + 1 == self.epochs
        if self.bar is not None and last:
            self.bar.update(self.epochs * self.steps, list((logs or {}).items()), finalize=True)
        elif self.bar is None and (last or now - self.told > 15):
            self.told = now
            left = (now - self.began) / (epoch + 1 - self.first) * (self.epochs - epoch - 1)
            print(f"  epoch {epoch + 1}/{self.epochs}, {told}, {left:.0f} s left", flush=True)


class Pass:
    """One pass through examples that takes long: a bar on a terminal, a line every 15 s elsewhere.

    Args:
        title: str.
        n: int, examples, or about so many.
        done: int, of them that an earlier process has seen.
    """

    def __init__(self, title, n, done=0):
        self.title, self.n, self.done, self.before, self.bar = title, n, done, done, None
        self.began = self.told = time.monotonic()

    def add(self, n):
        """Counts `n` examples more."""
        self.done += n
        now = time.monotonic()
        if not sys.stdout.isatty():
            if now - self.told > 15:
                self.told = now
                rate = (self.done - self.before) / (now - self.began)
                left = max(0, self.n - self.done) / rate
                print(f"  {self.title}: {self.done} of {self.n}, {rate:.3g}/s, {left:.0f} s left", flush=True)
        elif self.bar is not None:
            self.bar.update(min(self.done, self.n) - self.before)
        elif now - self.began > 2 and self.done < self.n:
            print(self.title, flush=True)
            self.bar = keras.utils.Progbar(self.n - self.before, unit_name="example")
