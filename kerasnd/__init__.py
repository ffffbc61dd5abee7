"""kerasnd: novelty detection with TensorFlow and Keras 3.

The public names are imported when they are first used, so that `import kerasnd` and `bin/train --help` cost nothing.
"""
import importlib

from kerasnd import registry

__version__ = "0.1.0"

_HOMES = {
    "ARAE": "kerasnd.methods.arae",
    "FITYMI": "kerasnd.methods.fitymi",
    "GPND": "kerasnd.methods.gpnd",
    "Autoencoder": "kerasnd.methods.autoencoder",
    "DeepSAD": "kerasnd.methods.deep_sad",
    "DeepSVDD": "kerasnd.methods.deep_svdd",
    "Detector": "kerasnd.detector",
    "IsolationForest": "kerasnd.methods.isoforest",
    "KDE": "kerasnd.methods.kde",
    "OCNN": "kerasnd.methods.ocnn",
    "OCSVM": "kerasnd.methods.ocsvm",
    "RCAE": "kerasnd.methods.rcae",
    "SSAD": "kerasnd.methods.ssad",
    "ScoreSDE": "kerasnd.methods.score_sde",
    "SemiDGM": "kerasnd.methods.semi_dgm",
    "Supervised": "kerasnd.methods.supervised",
    "VAE": "kerasnd.methods.vae",
    "Shallow": "kerasnd.methods.shallow",
    "Verdict": "kerasnd.calibration",
    "attack_scores": "kerasnd.robustness",
    "calibrate": "kerasnd.calibration",
    "export": "kerasnd.serving.served",
    "load_data": "kerasnd.data.sources",
}
_MODULES = {"attacks": "kerasnd.attacks", "metrics": "kerasnd.metrics", "protocols": "kerasnd.data.protocols",
            "pyod": "kerasnd.pyod", "sklearn": "kerasnd.sklearn"}

__all__ = ["__version__", *sorted({**_HOMES, **_MODULES})]

registry.announce()


def __getattr__(name):
    if name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        from kerasnd.errors import suggest
        raise AttributeError(f"module 'kerasnd' has no attribute '{name}'.{suggest(name, __all__)}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
