"""The LeNets of Deep SVDD in PyTorch, their losses, and kerasnd's weights brought into PyTorch's order."""
import numpy as np
import torch
from cases import EPSILON, LEARNING_RATE, MOMENTUM, SLOPE, WEIGHT_DECAY, same_count
from torch import nn


class Network(nn.Module):
    """A case's network, called with a batch, gives the training loss.

    Args:
        case: cases.Case.
        center: float (latent_dim,) of Deep SVDD.
    """

    def __init__(self, case, center):
        super().__init__()
        self.case, self.encoder = case, encoder(case.lenet)
        self.decoder = decoder(case.lenet) if case.method == "autoencoder" else None
        self.register_buffer("center", torch.as_tensor(center, dtype=torch.float32))
        same_count(case, sum(weight.numel() for weight in self.parameters()))

    def score(self, x):
        """float32 (b,), the squared distance of images (b, channels, height, width)."""
        code = self.encoder(x)
        residual = code - self.center if self.decoder is None else (self.decoder(code) - x).flatten(1)
        return residual.float().square().sum(1)

    def forward(self, x):
        return self.score(x).mean()

    def load(self, kernels):
        """Takes kernels in Keras' order: (5, 5, in, out) of convolutions, (height * width * channels, units) of the dense layer.

        Args:
            kernels: list of float32 arrays, the encoder's and then the decoder's.
        """
        lenet = self.case.lenet
        places = np.arange(lenet.latent_dim)
        if self.decoder is not None:    # the code is an image of channels first here, of channels last there
            places = places.reshape(lenet.start).transpose(2, 0, 1).ravel()
        kernels = iter(kernels)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                weight = next(kernels).transpose(3, 2, 0, 1)
            elif isinstance(layer, nn.ConvTranspose2d):
                weight = next(kernels)[::-1, ::-1].transpose(2, 3, 0, 1)    # its kernel lies upside down
            elif isinstance(layer, nn.Linear):
                height, width, _ = lenet.shape
                halved = 2 ** len(lenet.filters)
                weight = next(kernels).reshape(height // halved, width // halved, lenet.filters[-1], -1)
                weight = weight.transpose(3, 2, 0, 1).reshape(lenet.latent_dim, -1)[places]
            else:
                continue
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))


def encoder(lenet):
    """Images (b, channels, height, width) to codes."""
    layers, channels = [], lenet.shape[-1]
    for count in lenet.filters:
        layers += [nn.Conv2d(channels, count, 5, padding=2, bias=False), _normalized(count), nn.LeakyReLU(SLOPE), nn.MaxPool2d(2)]
        channels = count
    height, width, _ = lenet.shape
    features = channels * (height // 2 ** len(lenet.filters)) * (width // 2 ** len(lenet.filters))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, lenet.latent_dim, bias=False))


def decoder(lenet):
    """Codes to images (b, channels, height, width)."""
    height, width, channels = lenet.start
    layers = [nn.Unflatten(1, (channels, height, width)), nn.LeakyReLU(SLOPE)]
    if lenet.first:
        layers += [_convolved(channels, lenet.first, 0), _normalized(lenet.first), nn.LeakyReLU(SLOPE)]
        channels = lenet.first
    for count, crop in zip(lenet.up, lenet.crops):
        layers += [nn.Upsample(scale_factor=2), _convolved(channels, count, crop), _normalized(count), nn.LeakyReLU(SLOPE)]
        channels = count
    layers += [nn.Upsample(scale_factor=2), _convolved(channels, lenet.shape[-1], lenet.crops[-1]), nn.Sigmoid()]
    return nn.Sequential(*layers)


def _convolved(channels, filters, crop):
    return nn.ConvTranspose2d(channels, filters, 5, padding=2 + crop, bias=False)


def _normalized(channels):
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=1 - MOMENTUM, affine=False)


def adam(network):
    """Adam with lambda * w added to the gradient."""
    return torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)


def settle(spec):
    """Sets the threads; returns the device's name."""
    torch.manual_seed(0)
    torch.set_num_threads(spec["threads"])
    torch.set_num_interop_threads(spec["threads"])
    return "cuda" if spec["device"] == "gpu" else "cpu"


def finish(device):
    """Waits for what was started: a GPU works on its own."""
    if device == "cuda":
        torch.cuda.synchronize()
