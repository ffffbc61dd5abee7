"""Convex SSAD: the one-class SVM, told of some anomalies and some normals.

    minimise over w, rho, m >= 0, xi >= 0   1/2 ||w||^2 - rho - kappa m + sum_i C_i xi_i
    such that                <w, phi(x_i)> >= rho - xi_i              unknown
                             <w, phi(x_i)> >= rho + m - xi_i          known normal
                             <w, phi(x_i)> <= rho - m + xi_i          known anomalous
    score(x)               = rho - <w, phi(x)>,  w = sum_i c_i a_i phi(x_i),  c = -1 for known anomalies, +1 for all others

a solves the dual, see `kerasnd.methods.ssad_dual`; the few examples with a > 0 are kept, and the score is computed in the graph.
With C = 1 and nothing known no bound is reached: that is the one-class SVM with a hard margin, nu = 1/n.
"""
import warnings

import keras
import numpy as np

from kerasnd import arguments
from kerasnd.errors import Misuse
from kerasnd.methods import kernels, selection as selections, ssad_dual
from kerasnd.methods.kernel_machine import KernelMachine

CHOOSERS = 1000     # examples that choose gamma


class InexactWarning(UserWarning):
    """The quadratic programme was not solved to its tolerance."""


@keras.saving.register_keras_serializable(package="kerasnd")
class SSAD(KernelMachine):
    """Scores an example by how far it lies behind the hyperplane.

    Args:
        example_shape: tuple of int, of one raw example; None where `encoder` tells it.
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        encoder: Keras model from normalised examples to codes, or None: the normalised values themselves are seen.
        kernel: "rbf" or "linear".
        gamma: float > 0, of rbf; None: selected of 2^-7 ... 2^2.
        kappa: float >= 0, the worth of a wide margin between known examples and the threshold; without hints it plays no role.
            Where no anomaly is known, kappa = 1 puts all weight on the known normals.
        cost_unknown, cost_normal, cost_anomalous: float > 0, C of unknown, known normal and known anomalous examples: what it costs
            to leave one on the wrong side.
        selection: "holdout" or "oracle", see `kerasnd.methods.selection`.
        max_examples: int >= 1, of more than that many a random part is taken, and said: all known ones, if they are no more than
            half of it; None: all are taken.

    Source: Goernitz, Kloft, Rieck and Brefeld (2013), Toward Supervised Anomaly Detection, JAIR 46; Ruff et al. (2020), Deep SAD,
    baselines. Differs: kappa is really used, the published wrapper left it at 1. gamma is selected without test labels, unless
    `selection` is "oracle". rho is the primal problem's own, the multiplier of the dual, not the largest value of a support
    vector, which depends on rounding; no order of scores depends on it.
    """

    takes_hints = True

    def __init__(self, example_shape=None, preprocess="auto", encoder=None, kernel="rbf", gamma=None, kappa=1.0, cost_unknown=1.0,
                 cost_normal=1.0, cost_anomalous=1.0, selection="holdout", max_examples=5000):
        kernels.check_kernel(kernel, gamma, ("rbf", "linear"))
        arguments.number("kappa", kappa, at_least=0)
        for name, value in (("cost_unknown", cost_unknown), ("cost_normal", cost_normal), ("cost_anomalous", cost_anomalous)):
            arguments.number(name, value, above=0)
        arguments.choice("selection", selection, selections.SELECTIONS)
        super().__init__(example_shape, preprocess, encoder, max_examples)
        self.kernel, self.gamma, self.kappa, self.selection = kernel, gamma, kappa, selection
        self.cost_unknown, self.cost_normal, self.cost_anomalous = cost_unknown, cost_normal, cost_anomalous

    def solve(self, values, hint, rng, oracle=None):
        costs = self.costs(hint)
        self.check_feasible(hint, costs)
        gamma = 1.0 if self.kernel == "linear" else self.gamma
        if gamma is None:
            def fitted(candidate, index):
                # As much weight to spend as all of them have, whatever their number.
                costs_of_some = costs[index] * (len(hint) / len(index))
                found = self.dual(values[index], hint[index], costs_of_some, candidate)
                bears = found.alpha > 0
                vectors, weights = values[index][bears], signs(hint[index][bears]) * found.alpha[bears]
                # As it will be scored: under a kernel so narrow that strangers are all the same in float32, they tie.
                return lambda judged: np.float32(found.rho - kernels.gram(self.kernel, candidate, judged, vectors) @ weights)
            with ssad_dual.threads(len(values) if self.selection == "oracle" else CHOOSERS):
                gamma = selections.choose_by_hints(self.selection, kernels.GAMMAS, fitted, values, hint, rng, oracle, CHOOSERS)
        found = self.dual(values, hint, costs, gamma)
        if not found.exact:
            warnings.warn(f"SSAD's weights are exact to {max(found.gap, found.violation):.1g} only, not to "
                          f"{ssad_dual.TOLERANCE:g}.", InexactWarning, stacklevel=3)
        bears = found.alpha > 0
        return {"vectors": values[bears].astype(np.float32), "weights": signs(hint[bears]) * found.alpha[bears],
                "rho": np.float64(found.rho), "gamma": np.float64(gamma)}

    def dual(self, values, hint, costs, gamma):
        """`ssad_dual.Solution` of some examples; kappa is lowered to what they can bear (never for all, see `check_feasible`)."""
        kappa = max(0.0, min(self.kappa, ssad_dual.most_known(hint, costs))) if hint.any() else 0.0
        return ssad_dual.solve(lambda index: kernels.gram(self.kernel, gamma, values, values[index]), hint, costs, kappa)

    def costs(self, hint):
        """float64 (n,), the C of each example."""
        return np.choose(hint + 1, [self.cost_anomalous, self.cost_unknown, self.cost_normal]).astype(np.float64)

    def check_feasible(self, hint, costs):
        """Refuses what no weights can satisfy, with the arithmetic."""
        negative, unknown, positive = (float(costs[hint == kind].sum()) for kind in (-1, 0, 1))
        arithmetic = (f"C sums to {unknown:g} over unknown, {positive:g} over known normal, {negative:g} over known anomalous "
                      "examples")
        if unknown + positive < 1:
            raise Misuse(f"`cost_unknown` and `cost_normal` must sum to at least 1 over their examples. Received: {arithmetic}. "
                         "Raise them, or give more examples.")
        most = ssad_dual.most_known(hint, costs)
        if hint.any() and most < self.kappa:
            raise Misuse(f"`kappa` must be at most what known examples can bear, N + min(P, 1 + N) = {most:g}, where P is the sum "
                         "of C over known normals, and N that over known anomalies or that over all others less 1, whichever is "
                         f"smaller. Received: kappa={self.kappa:g}; {arithmetic}. Lower kappa.")


def signs(hint):
    """float64 (n,), c."""
    return np.where(hint < 0, -1.0, 1.0)
