"""The methods by the name that `--method` takes. Imported when asked for, so that a look at the names is free."""
import importlib

from kerasnd.errors import Misuse, suggest

METHODS = {
    "autoencoder": "kerasnd.methods.autoencoder.Autoencoder",
    "rcae": "kerasnd.methods.rcae.RCAE",
    "arae": "kerasnd.methods.arae.ARAE",
    "deep_sad": "kerasnd.methods.deep_sad.DeepSAD",
    "deep_svdd": "kerasnd.methods.deep_svdd.DeepSVDD",
    "gpnd": "kerasnd.methods.gpnd.GPND",
    "ocnn": "kerasnd.methods.ocnn.OCNN",
    "vae": "kerasnd.methods.vae.VAE",
    "score_sde": "kerasnd.methods.score_sde.ScoreSDE",
    "fitymi": "kerasnd.methods.fitymi.FITYMI",
    "semi_dgm": "kerasnd.methods.semi_dgm.SemiDGM",
    "supervised": "kerasnd.methods.supervised.Supervised",
    "ssad": "kerasnd.methods.ssad.SSAD",
    "ocsvm": "kerasnd.methods.ocsvm.OCSVM",
    "isoforest": "kerasnd.methods.isoforest.IsolationForest",
    "kde": "kerasnd.methods.kde.KDE",
}

# Solved for in one piece: their stages have neither `optimizer` nor `fit`.
SOLVED = ("ocsvm", "isoforest", "kde", "ssad")


def method(name):
    """The detector class of a method.

    Args:
        name: str, a key of `METHODS`.

    Raises:
        Misuse: there is no such method.
    """
    if name not in METHODS:
        raise Misuse(f"`method` must be one of {', '.join(METHODS)}. Received: {name}.{suggest(name, METHODS)}")
    module, _, class_name = METHODS[name].rpartition(".")
    return getattr(importlib.import_module(module), class_name)
