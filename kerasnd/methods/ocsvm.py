"""One-class SVM: a hyperplane in a kernel's space that keeps most of the training examples on its far side from the origin.

    minimise over w, xi, rho   1/2 ||w||^2 - rho + 1/(nu n) sum_i xi_i      with  <w, phi(x_i)> >= rho - xi_i,  xi_i >= 0
    score(x)                 = rho - sum_i alpha_i k(x_i, x)                  (scikit-learn's scale: the alpha_i sum to nu n)

Solved by scikit-learn; the vectors, their weights and rho are kept, and the score is computed in the graph.

Which gamma: mean AUROC over the six ODDS sets of the paper (two seeds each, 60 to 40) and MNIST 0, 2 and 8 (2000 training and
2000 test examples), nu 0.1, the published grid:

    best of the grid, known afterwards                                          .932
    oracle: AUROC on a labelled tenth of the test set                           .931
    holdout: held-out examples against themselves with features permuted        .928      (the default)
    largest variance to mean of the kernel matrix (Evangelista et al. 2007)     .924
    held-out examples against uniform noise in their box (Tax and Duin 2001)    .921
    largest gamma that rejects as many held-out examples as nu says, within two
    standard deviations (Tax and Mueller 2004)                                  .908
    gamma = 1 / (features * variance), scikit-learn's "scale"                   .906
    gamma = 1                                                                   .899

The criterion was chosen by these very numbers. On all six tables it asks for 4, the end of the grid; beyond it the AUROC rises on
some (satellite, shuttle) and falls on others (arrhythmia, cardio). On MNIST it asks for 0.5, and 4 would be chance.
"""
import keras
import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import SGDOneClassSVM
from sklearn.svm import OneClassSVM

from kerasnd import arguments
from kerasnd.errors import Misuse
from kerasnd.methods import kernels, selection as selections
from kerasnd.methods.kernel_machine import KernelMachine


WHOLE, WIDE = 10_000, 100       # at most so many examples of so many values: their kernel is held at once, three times .8 GB


@keras.saving.register_keras_serializable(package="kerasnd")
class OCSVM(KernelMachine):
    """Scores an example by how far it lies behind the hyperplane.

    Args:
        example_shape: tuple of int, of one raw example; None where `encoder` tells it.
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        encoder: Keras model from normalised examples to codes, or None: the normalised values themselves are seen.
        kernel: "rbf", "linear" or "poly".
        nu: float in (0, 1), share of training examples behind the hyperplane.
        gamma: float > 0; None: selected of 2^-7 ... 2^2. The linear kernel has none.
        selection: "holdout" or "oracle", see `kerasnd.methods.selection`.
        nystroem: None, or int >= 1: so many training examples stand for the kernel's space (Nystroem features), in which the
            hyperplane is found by stochastic gradient descent. For sets too large for the exact solution: all examples are used,
            and the score is an approximation.
        max_examples: int >= 1, the exact solution is found on a random part of so many, and said; None: all.

    Source: Schoelkopf et al. (2001); Ruff et al. (2020), Deep SAD, baselines. Differs: gamma is selected without test labels,
    unless `selection` is "oracle".
    """

    def __init__(self, example_shape=None, preprocess="auto", encoder=None, kernel="rbf", nu=0.1, gamma=None, selection="holdout",
                 nystroem=None, max_examples=20_000):
        kernels.check_kernel(kernel, gamma)
        arguments.number("nu", nu, above=0, below=1, remedy="At 1 every weight is at its bound, and rho nowhere.")
        arguments.choice("selection", selection, selections.SELECTIONS)
        if nystroem is not None:
            arguments.whole("nystroem", nystroem, at_least=1)
            if kernel == "linear":
                raise Misuse("`nystroem` must go with kernel=rbf or kernel=poly. Received: kernel=linear, whose space is that of "
                             "the examples.")
        super().__init__(example_shape, preprocess, encoder, max_examples)
        self.kernel, self.nu, self.gamma, self.selection, self.nystroem = kernel, nu, gamma, selection, nystroem

    @property
    def most(self):
        return None if self.nystroem else self.max_examples

    def _vectors_found(self):
        if self.kernel == "linear":
            return ""
        return f"{self.solution['weights'].shape[0]} landmarks" if self.nystroem else super()._vectors_found()

    def solve(self, values, hint, rng, oracle=None):
        gamma, seed = self.gamma, int(rng.integers(2 ** 31))
        if self.kernel == "linear":
            gamma = 1.0
        elif gamma is None:
            distances = kernels.Distances()     # the same for every gamma

            def fitted(candidate, known):
                if not self.at_once(known):
                    vectors, weights, rho = self.hyperplane(known, candidate, seed)
                    return lambda judged: rho - kernels.gram(self.kernel, candidate, judged, vectors) @ weights
                place, weights, rho = self.hyperplane_among(distances(known, known), candidate)
                return lambda judged: rho - np.exp(-candidate * distances(judged, known)[:, place]) @ weights
            gamma = selections.choose(self.selection, kernels.GAMMAS, fitted, values, rng, oracle)
            del distances
        vectors, weights, rho = self.hyperplane(values, gamma, seed)
        if self.kernel != "linear":         # examples, which are float32; the linear kernel's one vector is a sum of them
            vectors = vectors.astype(np.float32)
        return {"vectors": vectors, "weights": weights, "rho": np.float64(rho), "gamma": np.float64(gamma)}

    def hyperplane(self, values, gamma, seed):
        """(vectors (m, d), weights (m,), rho): the score is rho - sum_i weights_i k(vectors_i, x)."""
        if self.nystroem:
            return self.approximate_hyperplane(values, gamma, seed)
        if self.at_once(values):
            place, weights, rho = self.hyperplane_among(kernels.squared_distances(values, values), gamma)
            return values[place], weights, rho
        machine = OneClassSVM(kernel=self.kernel, nu=self.nu, gamma=gamma, cache_size=500).fit(values)
        if self.kernel == "linear":
            return machine.coef_, np.ones(1), -machine.intercept_[0]
        return machine.support_vectors_, machine.dual_coef_[0], -machine.intercept_[0]

    def at_once(self, values):
        """bool, the kernel of all pairs is computed as one product of matrices: for wide examples many times faster than row by
        row, for narrow ones slower, as few of its rows are needed."""
        return self.kernel == "rbf" and not self.nystroem and len(values) <= WHOLE and values.shape[1] >= WIDE

    def hyperplane_among(self, squares, gamma):
        """As `hyperplane`, from squared distances (n, n), with the vectors' places int (m,) in the vectors' stead."""
        kernel = squares * -gamma
        machine = OneClassSVM(kernel="precomputed", nu=self.nu, cache_size=500).fit(np.exp(kernel, out=kernel))
        return machine.support_, machine.dual_coef_[0], -machine.intercept_[0]

    def approximate_hyperplane(self, values, gamma, seed):
        """As `hyperplane`: w in Nystroem's features N k(landmarks, x) is the weights N'w of the landmarks themselves."""
        features = Nystroem(kernel=self.kernel, gamma=gamma, degree=kernels.DEGREE, coef0=0, random_state=seed,
                            n_components=min(self.nystroem, len(values))).fit(values)
        machine = SGDOneClassSVM(nu=self.nu, random_state=seed, average=True).fit(features.transform(values))
        return features.components_, features.normalization_.T @ machine.coef_, machine.offset_[0]
