"""Packaging of kerasnd; tool settings are in pyproject.toml."""
import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
VERSION = re.search(r'__version__ = "(.+?)"', (HERE / "kerasnd" / "__init__.py").read_text())[1]
README = HERE / "README.md"

OPTIONAL = {
    "hdf5": ["h5py>=3.11"],                                     # .mat files of MATLAB v7.3 (Keras brings it, for now)
    "vit": ["keras-hub>=0.20"],                                 # pretrained vision transformers
    "serving": ["tensorflow-serving-api>=2.18"],                # warm-up requests of served models
    "litert": ["ai-edge-litert>=1.2"],                          # bin/export --format=litert
    "onnx": ["tf2onnx>=1.17", "onnxruntime>=1.20"],             # bin/export --format=onnx
    "ray": ["ray>=2.60"],                                       # many machines
}

setup(
    name="kerasnd",
    version=VERSION,
    description="Novelty detection with TensorFlow and Keras 3",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    author="the kerasnd authors",
    license="MIT",
    python_requires=">=3.11,<3.14",
    # The config files stand at the top of the checkout, for people, and inside the package, for `--method` once installed.
    packages=[*find_packages(include=["kerasnd", "kerasnd.*"]), "kerasnd.configs", "kerasnd.configs.tables"],
    package_dir={"kerasnd.configs": "configs", "kerasnd.configs.tables": "configs/tables"},
    install_requires=[
        "tensorflow>=2.18",
        "keras>=3.15",
        "numpy>=1.26",
        "scipy>=1.14",
        "scikit-learn>=1.6",
        "threadpoolctl>=3.1",
        "absl-py>=2.1",
        "ml_collections>=1.0",
        "tensorflow-datasets>=4.9.8",
        "tensorboard>=2.18",        # Keras' callback writes the events with it; TensorFlow 2.21 no longer brings it
        "importlib_resources>=6.0",  # tensorflow-datasets needs it to download, and does not say so
        "tqdm>=4.66",
        "requests>=2.31",           # is anybody there, before a download is begun
        "matplotlib>=3.10",
        "pillow>=11.0",
    ],
    extras_require={
        **OPTIONAL,
        "bench": ["torch>=2.5"],                                    # times the same networks beside kerasnd
        "test": ["pytest>=8.3", "pytest-xdist>=3.6", "hypothesis>=6.120",
                 *(package for name in ("hdf5", "serving", "litert", "onnx", "ray") for package in OPTIONAL[name])],
        "dev": ["ruff>=0.9"],
    },
    entry_points={"console_scripts": [
        f"kerasnd-{name} = kerasnd.cli.{name}:main"
        for name in ("train", "evaluate", "score", "export", "verify", "generate", "benchmark", "report")]},
    classifiers=[
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
