"""A small convolutional network for images of any size and either one or three channels."""

import torch
from torch import Tensor, nn

from training.networks.heads.attribution import backward, forward_with_inputs
from training.networks.heads.model_output import ModelOutput, centred_label_weights


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution, batch normalisation and ReLU; the height and width stay the same."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class ConvNet(nn.Module):
    """Classifies images as the service's encoder makes them: uint8, channels last.

    It has three stages of 3x3 convolutions with `width`, 2 `width` and 4 `width` channels; each
    stage ends by halving height and width. Then come one more convolution, the mean over all
    positions, and one linear layer. Images may have any size from 8 x 8 up; the network is designed
    for 28 to 128 pixels.

    channels: numbers per pixel, 1 for grey and 3 for colour.
    classes: number of classes.
    width: channels of the first stage; parameters and time grow with its square.
    dropout: share of the pooled features that training drops.
    """

    def __init__(
        self, channels: int, classes: int, *, width: int = 24, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(channels, width),
            nn.MaxPool2d(2),
            _block(width, 2 * width),
            _block(2 * width, 2 * width),
            nn.MaxPool2d(2),
            _block(2 * width, 4 * width),
            _block(4 * width, 4 * width),
            nn.MaxPool2d(2),
            _block(4 * width, 4 * width),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * width, classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1/4 faster

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (B, H, W, channels). Returns logits: float32 (B, classes)."""
        return self.read(images).logits

    def read(self, images: Tensor) -> ModelOutput:
        """As `forward`. The attribution is that of the first stage's output, (B, H // 2, W // 2).

        It is gradient × activation there. A class activation map (`activation_map`) of the last
        features would have only 3 positions for 28 pixels.
        """
        pixels = images.permute(0, 3, 1, 2).float() / 255  # float32 (B, channels, H, W)
        layers = [layer for layer in self.features.modules() if not list(layer.children())]
        features, given = forward_with_inputs(
            layers, pixels
        )  # float32 (B, 4 width, H // 8, W // 8)
        pooled = features.mean(dim=(2, 3))  # float32 (B, 4 width)
        first = 1 + next(i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d))

        def attribution(labels: Tensor) -> Tensor:
            height, width = features.shape[2:]
            weights = centred_label_weights(self.head.weight / (height * width), labels)
            gradient = weights[:, :, None, None].expand(-1, -1, height, width)
            return (backward(layers[first:], given[first:], gradient) * given[first]).sum(1)

        return ModelOutput(self.head(self.dropout(pooled)), pooled, attribution)


def activation_map(features: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Return how much each position adds to the logit of its item's label, float32 (B, H, W).

    Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.

    features: (B, C, H, W); their mean over all positions is the input of a linear layer with
    `weight` (classes, C). labels: int64 (B,).
    """
    height, width = features.shape[2:]
    rows = centred_label_weights(weight / (height * width), labels)[:, None]  # (B, 1, C)
    return (rows @ features.flatten(2)).reshape(-1, height, width)
