"""Isolation forest: an example that few random cuts set apart is strange.

    score(x) = 2^(-E[h(x)] / c(psi)) - 1/2
    h(x)     = depth of the leaf that x falls into + c(training examples in that leaf)
    c(n)     = 2 (H(n - 1) - (n - 1) / n), the mean path in a search tree of n examples; c(2) = 1, c(1) = 0

E is the mean over the trees, each grown on psi training examples. Grown by scikit-learn; the trees are kept as arrays and walked
down in the graph, all at once, one level a step.
"""
import math

import keras
import numpy as np
import tensorflow as tf
from sklearn.ensemble import IsolationForest as Forest

from kerasnd import arguments
from kerasnd.fitted import Fitted


@keras.saving.register_keras_serializable(package="kerasnd")
class IsolationForest(Fitted):
    """Scores an example by how soon random cuts isolate it: above 0 sooner than half the mean path, below 0 later.

    Args:
        example_shape: tuple of int, of one raw example; None where `encoder` tells it.
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        encoder: Keras model from normalised examples to codes, or None: the normalised values themselves are seen.
        trees: int >= 1.
        examples_per_tree: int >= 2, psi; each tree grows on its own random part of the training examples, all where there are
            fewer.

    Source: Liu, Ting and Zhou (2008). Differs from the published baseline: no `contamination`, which shifts every score alike.
    """

    def __init__(self, example_shape=None, preprocess="auto", encoder=None, trees=100, examples_per_tree=256):
        arguments.whole("trees", trees, at_least=1)
        arguments.whole("examples_per_tree", examples_per_tree, at_least=2)
        super().__init__(example_shape, preprocess, encoder, max_examples=None)
        self.trees, self.examples_per_tree = trees, examples_per_tree

    @property
    def findings(self):
        return f"{self.trees} trees of {self.solution['feature'].shape[1]} nodes at most" if self.solution else ""

    def solve(self, values, hint, rng, oracle=None):
        psi = min(self.examples_per_tree, len(values))
        forest = Forest(n_estimators=self.trees, max_samples=psi, random_state=int(rng.integers(2 ** 31))).fit(values)
        grown = [level_order(each.tree_) for each in forest.estimators_]
        nodes = max(len(each["child"]) for each in grown)
        arrays = {name: np.stack([np.pad(each[name], (0, nodes - len(each[name]))) for each in grown]) for name in grown[0]}
        # The mean path is c(psi) everywhere where psi is 1, and no path at all: scikit-learn scores 2^-1 then.
        return {**arrays, "usual": np.float64(average_path(np.array([psi]))[0] if psi > 1 else 0.0)}

    def call(self, x, training=False):
        usual = self.solved("usual")
        depth = tf.reduce_mean(tf.gather(tf.reshape(self.solved("path"), [-1]), self.leaves(self.values(x))), axis=1)
        share = tf.where(usual > 0, depth / tf.where(usual > 0, usual, 1), 1)
        return tf.cast(tf.pow(tf.constant(2, tf.float64), -share) - 0.5, tf.float32)

    def leaves(self, x):
        """int32 (b, trees), the place of each example's leaf in the flattened arrays."""
        trees, nodes = self.trees, tf.shape(self.solved("child"))[1]
        feature, threshold, child = (tf.reshape(self.solved(name), [-1]) for name in ("feature", "threshold", "child"))
        first = tf.range(trees)[None] * nodes
        node = tf.zeros((tf.shape(x)[0], trees), tf.int32)
        # An isolation tree has no more levels than this; in a leaf one stays where one is.
        for _ in range(math.ceil(math.log2(self.examples_per_tree))):
            place = first + node
            value = tf.gather(x, tf.gather(feature, place), batch_dims=1)
            node = tf.gather(child, place) + tf.cast(value > tf.gather(threshold, place), tf.int32)
        return first + node


def level_order(tree):
    """One of scikit-learn's trees as arrays, the two children of a node beside each other.

    Args:
        tree: sklearn.tree._tree.Tree.

    Returns:
        dict of arrays (nodes,): feature int32; threshold float32, above which the way is the right one, inf in leaves; child int32,
        the left one's place, the node's own in leaves; path float64, h of leaves.
    """
    order, depth = [0], [0]
    child = np.zeros(tree.node_count, np.int32)
    for place in range(tree.node_count):        # the list grows by the children of each of its nodes
        node = order[place]
        child[place] = place
        if tree.children_left[node] >= 0:
            child[place] = len(order)
            order += [tree.children_left[node], tree.children_right[node]]
            depth += [depth[place] + 1] * 2
    is_leaf = child == np.arange(tree.node_count)
    # scikit-learn compares float32 values with float64 thresholds: the next float32 below gives the same answer.
    threshold = tree.threshold[order].astype(np.float32)
    threshold = np.where(threshold > tree.threshold[order], np.nextafter(threshold, np.float32(-np.inf)), threshold)
    path = np.asarray(depth) + average_path(tree.n_node_samples[order])
    return {"feature": np.where(is_leaf, 0, tree.feature[order]).astype(np.int32),
            "threshold": np.where(is_leaf, np.float32(np.inf), threshold), "child": child, "path": path}


def average_path(n):
    """float64, c(n) of int n >= 1: the mean depth at which a search tree of n keys misses.

    Source: Liu, Ting and Zhou (2008), equation 1, with H(k) = ln k + Euler's constant, as scikit-learn has it.
    """
    n = np.asarray(n, np.float64)
    safe = np.maximum(n, 3)
    usual = 2 * (np.log(safe - 1) + np.euler_gamma) - 2 * (safe - 1) / safe
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, usual))
