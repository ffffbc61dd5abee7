"""Random numbers of a training step: a function of the detector's seed, the step and the example's place in the batch.

So a resumed training draws what an uninterrupted one draws, and two replicas draw what one draws.
"""
import keras
import tensorflow as tf

STREAMS = 4         # independent draws that a step may make


class Chance:
    """The part of a `Detector` whose steps draw."""

    def seed_noise(self):
        """Makes the seed: decided by `keras.utils.set_random_seed`, like the weights, and saved with them."""
        # A float32 holds these numbers exactly.
        self.noise_seed = self.add_weight(shape=(), initializer=keras.initializers.RandomUniform(0, 2 ** 24), trainable=False,
                                          name="noise_seed")

    def chance(self, shape, stream=0, draw=tf.random.stateless_normal):
        """Independent numbers of this step.

        Args:
            shape: list of int or int tensors, (n, ...); n examples of this replica's part of the batch.
            stream: int in 0..STREAMS-1, tells the draws of one step apart.
            draw: function of (shape, seed): `tf.random.stateless_normal`, `tf.random.stateless_uniform`.

        Returns:
            float32 of that shape.
        """
        context = tf.distribute.get_replica_context()
        step = tf.cast(self.optimizer.iterations, tf.int32) * STREAMS + stream
        seed = tf.stack([tf.cast(self.noise_seed.value, tf.int32), step])
        n, *rest = shape
        first = n * context.replica_id_in_sync_group
        return draw((n * context.num_replicas_in_sync, *rest), seed)[first:first + n]
