"""The density of an example from a pair of networks, along the surface that they describe and across it.

    z = E(x),  x' = D(z),  r = ||x - x'||,  m values an example, n units of a code
    p(x)  =  prod_k p_k(z_k)                                    tangent:   a density for every unit of the code
           * |det S|^-1,  S the singular values of dD/dz at z   jacobian:  what D stretches it by
           * p_R(r) / surface of the sphere of radius r in N    residual:  what is left, in any direction
             dimensions, N = power * (m - n)

    score(x) = -ln p(x), or a part of it

On the surface E undoes D, so that |det S|^-1 is also the product of the singular values of dE/dx. p_k and p_R are fitted once the
networks are trained, in one pass over the training examples, and kept as weights.
"""
import math

import numpy as np
import tensorflow as tf

from kerasnd import arguments, densities, jacobians

SCORES = {"density": ("tangent", "jacobian", "residual"), "parallel": ("tangent", "jacobian"), "latent": ("tangent",),
          "residual": ("residual",)}
JACOBIANS = ("encoder", "decoder")
MARGINALS = ("generalised_normal", "histogram")
TAILS = ("clamp", "cliff")
TANGENTS = 2 ** 12          # directions that are followed at once
FARTHEST = 1e6              # normalised values beyond count as this: squares of larger ones may be no number
LEAST = 1e-6                # a residual below counts as this


def share_of(power, shape):
    """float, which share of the residual's dimensions counts for examples of a shape.

    `power` was found for 32x32 values, smooth images mostly; of fewer values as many times more count, up to all.
    Ours, chosen on scikit-learn's digits (normal: 3) with the test AUROC in sight.
    """
    return min(1.0, power * max(1.0, 1024 / math.prod(shape)))


class TangentDensity:
    """The part of a `Detector` with `code` and `redraw_code` that scores by a density; its arguments are those of `GPND`."""

    def keep_density(self, units, parts, jacobian, power, marginals, tail):
        """Checks the arguments, and makes the weights of what is fitted.

        Args:
            units: int, of a code.
            parts: sequence of str, the terms whose sum is the score.
            jacobian, power, marginals, tail: as in `GPND`, none of them None.
        """
        arguments.choice("jacobian", jacobian, JACOBIANS)
        arguments.choice("marginals", marginals, MARGINALS)
        arguments.choice("tail", tail, TAILS)
        arguments.number("power", power, above=0, at_most=1)
        self._units, self._parts, self._of = units, tuple(parts), jacobian
        self._marginals, self._tail = marginals, tail
        # A table of few features may have no more values than the code has units: one direction is left over then.
        self._across = power * max(math.prod(self.example_shape) - units, 1)
        self.fitted = {
            name: self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)
            for name, shape in (("code_parameters", (3, units)), ("code_edges", (2, units)),
                                ("code_log_density", (densities.BINS, units)), ("residual_edges", (2, 1)),
                                ("residual_log_density", (densities.BINS, 1)))}

    def code(self, x, training=False):
        """float32 (b, units), the codes of normalised examples."""
        return tf.cast(self.encoder(x, training=training), tf.float32)

    def code_and_change(self, x):
        """Codes of normalised examples, and their Jacobians: as `jacobians.of_encoder`."""
        return jacobians.of_encoder(self.code, x)

    def redrawn_and_change(self, code):
        """Normalised examples from codes, and their Jacobians: as `jacobians.of_decoder`."""
        return jacobians.of_decoder(self.redraw_code, code)

    def fit_density(self, feed):
        """Fits the densities to training examples, in one pass; what a known anomaly is, is left out."""
        values, hint = self.over(feed, self.code_and_residual, hints=True)
        values = values[hint >= 0]
        code, residual = values[:, :-1], values[:, -1:]
        fitted = {"code_parameters": densities.fit_generalised_normal(code)}
        fitted["code_edges"], fitted["code_log_density"] = densities.fit_histogram(code)
        fitted["residual_edges"], fitted["residual_log_density"] = densities.fit_histogram(residual)
        for name, value in fitted.items():
            self.fitted[name].assign(value)

    def marginals_drawn(self):
        """What was fitted to each unit of the code, for a picture.

        Returns:
            list of (edges float (bins + 1,), heights float (bins,), at float (200,), density float (200,)): its histogram, and its
            generalised normal density; empty where no density is kept.
        """
        if not self.keeps_density:
            return []
        edges, kept, parameters = (self.fitted[name].numpy() for name in ("code_edges", "code_log_density", "code_parameters"))
        at = np.linspace(*edges, 200)
        density = np.exp(densities.log_generalised_normal(tf.constant(at, tf.float32), tf.constant(parameters)))
        return [(np.linspace(*edges[:, k], len(kept) + 1), np.exp(kept[:, k]), at[:, k], density[:, k])
                for k in range(kept.shape[1])]

    def code_and_residual(self, x):
        """float32 (b, n + 1), codes and residuals of raw examples."""
        x = self.bounded(x)
        code = self.code(x)
        return tf.concat([code, residual(x, self.redraw_code(code))[:, None]], axis=1)

    def bounded(self, x):
        """float32 (b, ...), normalised examples without values that no square bears."""
        return tf.clip_by_value(self.normalizer(x), -FARTHEST, FARTHEST)

    def terms(self, x):
        """The parts of the score, each higher for what is stranger.

        Args:
            x: raw examples (b, ...).

        Returns:
            {"tangent", "jacobian", "residual"}: float32 (b,), minus the logarithms of the three factors of p(x); their sum is the
            score `density`.
        """
        x = tf.convert_to_tensor(x)
        return dict(zip(SCORES["density"], tf.unstack(self._terms(x, SCORES["density"]), axis=1)))

    @property
    def keeps_density(self):
        """bool, the scores by a density and its parts are there."""
        return hasattr(self, "fitted")

    def parts_of_score(self, x):
        """The score by the whole density and by parts of it alone (the ablation of the paper), from one pass.

        Args:
            x: raw examples (b, ...).

        Returns:
            {"density", "parallel", "latent", "residual"}: float32 (b,), each higher for what is stranger.
        """
        terms = self.terms(x)
        return {name: tf.add_n([terms[part] for part in parts]) for name, parts in SCORES.items()}

    def density_score(self, x):
        """float32 (b,), the score of raw examples."""
        return tf.reduce_sum(self._terms(x, self._parts), axis=1)

    def _terms(self, x, names):
        """float32 (b, len(names)); always a graph, since step by step the Jacobian's passes would be traced on every call."""
        kind = " ".join(("terms", *names))         # text: an export takes no other keys
        if kind not in self._compiled:
            self._compiled[kind] = tf.function(lambda x: self._in_parts(x, names), reduce_retracing=True)
        return self._compiled[kind](x)

    def _in_parts(self, x, names):
        """`_part` of at most `TANGENTS` directions at a time."""
        if "jacobian" not in names:
            return self._part(x, names)
        at_once = max(1, TANGENTS // self._units)
        number_of_parts = (tf.shape(x)[0] + at_once - 1) // at_once
        found = tf.TensorArray(tf.float32, number_of_parts, infer_shape=False, element_shape=(None, len(names)))

        def one(number, found):
            part = tf.ensure_shape(x[number * at_once:(number + 1) * at_once], (None, *x.shape[1:]))
            return number + 1, found.write(number, self._part(part, names))
        found = tf.while_loop(lambda number, _: number < number_of_parts, one, (0, found), parallel_iterations=1)[1]
        return tf.ensure_shape(found.concat(), (None, len(names)))

    def _part(self, x, names):
        x = self.bounded(x)
        if "jacobian" in names and self._of == "encoder":
            code, change = self.code_and_change(x)
            redrawn, log_stretch = self.redraw_code(code), -jacobians.log_volume(change)
        elif "jacobian" in names:
            code = self.code(x)
            redrawn, change = self.redrawn_and_change(code)
            log_stretch = jacobians.log_volume(change)
        else:
            code = self.code(x)
            redrawn = self.redraw_code(code)
        found = {"tangent": lambda: -tf.reduce_sum(self.log_codes(code), axis=1), "jacobian": lambda: log_stretch,
                 "residual": lambda: -self.log_residual(residual(x, redrawn))}
        return tf.stack([found[name]() for name in names], axis=1)

    def log_codes(self, code):
        """float32 (b, n), ln p_k of every unit of codes."""
        if self._marginals == "generalised_normal":
            return densities.log_generalised_normal(code, self.fitted["code_parameters"])
        edges, kept = self.fitted["code_edges"], self.fitted["code_log_density"]
        # beyond what was seen the density falls by e with every width of a bin
        return densities.log_histogram(code, edges, kept) - densities.BINS * densities.beyond(code, edges)

    def log_residual(self, r):
        """float32 (b,), ln of the density of residuals of the lengths r (b,), in any direction."""
        edges, kept = self.fitted["residual_edges"], self.fitted["residual_log_density"]
        seen = densities.log_histogram(r[:, None], edges, kept)[:, 0]
        if self._tail == "cliff":
            first, last = edges[0, 0], edges[1, 0]
            ramp = tf.maximum(tf.math.log(tf.minimum(r / first, 1.0)), densities.CLIFF)
            seen = tf.where(r >= last, densities.CLIFF, seen + ramp)
        return seen - densities.log_sphere(self._across, r)


def residual(x, redrawn):
    """float32 (b,), the length of what is left of normalised examples (b, ...)."""
    rest = tf.reshape(x - redrawn, (-1, math.prod(x.shape[1:])))
    return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(rest), axis=1), LEAST ** 2))
