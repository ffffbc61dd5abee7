"""A hyperplane in a kernel's space, found in one piece: what OC-SVM and SSAD score by.

    score(x) = rho - sum_i weights_i k(vectors_i, x)
"""
import tensorflow as tf

from kerasnd.fitted import Fitted
from kerasnd.methods import kernels


class KernelMachine(Fitted):
    """Scores an example by how far it lies behind the hyperplane.

    A subclass has `kernel`, str, and a `solve` that gives vectors (m, d), weights float64 (m,), rho and gamma, float64.
    """

    @property
    def offset(self):
        return self.solution["rho"].numpy() if self.solution else 0.0

    @property
    def findings(self):
        return ", ".join(filter(None, [self._gamma_found(), self._vectors_found()])) if self.solution else ""

    def _gamma_found(self):
        return "" if self.kernel == "linear" else f"gamma {self.solution['gamma'].numpy():.6g}"

    def _vectors_found(self):
        return f"{self.solution['weights'].shape[0]} support vectors"

    def call(self, x, training=False):
        gamma, vectors, weights = (self.solved(name) for name in ("gamma", "vectors", "weights"))
        value = kernels.weighted_sum(self.kernel, gamma, self.values(x), vectors, weights)
        return tf.cast(self.solved("rho") - value, tf.float32)      # negated: the sum is high on normals
