"""Examples drawn from noise, by detectors whose decoder knows what noise its codes are like."""
import numpy as np
import tensorflow as tf

from kerasnd import arguments


class Sampling:
    """The part of a `Detector` with `redraw_code` whose codes are standard normal, as far as its training brought them there."""

    def sample(self, n, seed=0, batch_size=256):
        """New examples.

        Args:
            n: int >= 1, how many.
            seed: int >= 0; the first examples of a seed are the same whatever n.
            batch_size: int >= 1, at once.

        Returns:
            float32 (n, ...), in the raw range.

        Raises:
            Misuse: a number out of its range.
        """
        return np.concatenate(list(self.samples(n, seed, batch_size)))

    def samples(self, n, seed=0, batch_size=256):
        """Yields what `sample` returns, in batches."""
        arguments.whole("n", n, at_least=1)
        arguments.whole("seed", seed, at_least=0)
        arguments.whole("batch_size", batch_size, at_least=1)
        rng = np.random.default_rng(seed)
        draw = self._compiled.setdefault("samples", tf.function(self._raw_of, reduce_retracing=True))
        for first in range(0, n, batch_size):
            code = rng.standard_normal((min(batch_size, n - first), self.decoder.input_shape[-1]), np.float32)
            yield draw(tf.constant(code)).numpy()

    def _raw_of(self, code):
        return self.normalizer.undone(self.redraw_code(code))
