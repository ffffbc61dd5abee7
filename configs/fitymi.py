"""FITYMI: a network fine-tuned on normal examples against almost normal ones, scored by the nearest normals in its features.

Paper:    Mirzaei et al. (2023), Fake It Till You Make It: Towards Accurate Near-Distribution Novelty Detection, ICLR,
          arXiv 2205.14297.
Cost:     digits 2 s, with :generated two minutes. `:paper` fine-tunes 43 M of the 86 M weights of ViT-B/16 for 30 epochs of 5000
          normal and 5000 generated images: 300 000 images of 70 GFLOP, twenty minutes on a GPU that keeps up 20 TFLOP/s (computed,
          not measured). Run here on photos for an epoch at batch 2: 2.9 GiB at most; a training step of batch 16 takes 5.0
          GiB and 10 s on 2 cores, in bfloat16 3.5 GiB and 5 s (all weights learning).
Result:   from scratch, digits, normal 3: AUROC .964, nearest neighbours of the untrained network .983: a pretrained network is
          what it is made for.
Command:  bin/train --method=fitymi --dataset=digits --normal=3
          bin/train --method=fitymi --dataset=mnist --normal=3 --negatives=threes.npz
          bin/train --config=configs/fitymi.py:paper --dataset=cifar10 --normal=3 --negatives=cats.npz \
              --config.stages[0].model.pretrained=ViT-B_16.npz
          bin/train --config=configs/fitymi.py:generated --dataset=mnist --normal=3      # the generator as a stage before
"""
import ml_collections

from kerasnd import config_stages

VARIANTS = ("paper", "generated")
# epochs and batch size, where a data set needs others
BUDGETS = {"digits": (60, 32), "breast_cancer": (60, 32)}


def get_config(dataset="", variant=None):
    """Returns the values for a data set: a small network from scratch; with "paper" the published transformer and optimisation;
    with "generated" the generator of configs/score_sde.py as the stage before."""
    epochs, batch_size = BUDGETS.get(dataset, (10, 128))
    model = {"backbone": "auto", "pretrained": "", "size": None, "crop": None, "normalization": "auto", "flip": False,
             "freeze_blocks": None, "freeze_embeddings": False, "lora_rank": 0, "negatives": "auto", "score_by": "neighbours",
             "neighbours": 2, "metric": "squared_euclidean", "dropout": 0.1, "weight_decay": 5e-5, "preprocess": "auto"}
    optimizer = {"name": "adam", "learning_rate": 1e-3, "milestones": [epochs * 3 // 4]}
    if variant == "paper":
        epochs, batch_size = 30, 16
        model.update(backbone="vit_b16", freeze_blocks=6, flip=True)
        optimizer = {"name": "sgd", "learning_rate": 4e-4, "milestones": []}
    stage = {"method": "fitymi", "model": model, "optimizer": optimizer, "fit": {"epochs": epochs, "batch_size": batch_size}}
    before = [config_stages.generator(dataset, published=False)] if variant == "generated" else []
    return ml_collections.ConfigDict({"stages": [*before, stage]})
