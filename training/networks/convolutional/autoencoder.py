"""A convolutional autoencoder of small images, and a classifier on its code."""

from torch import Tensor, nn


def _convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """3x3 convolution that divides height and width by `stride`, normalisation and ReLU."""
    return [
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


class ConvEncoder(nn.Module):
    """Maps images of height and width `side`, a multiple of 4, to codes of `code` numbers."""

    def __init__(self, side: int, channels: int, *, code: int, width: int) -> None:
        super().__init__()
        self.code = code
        self.features = nn.Sequential(
            *_convolution(channels, width, 2),
            *_convolution(width, 2 * width, 2),
            *_convolution(2 * width, 2 * width, 1),
        )
        self.last = nn.Linear(2 * width * (side // 4) ** 2, code)

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (B, side, side, channels). Returns float32 (B, code)."""
        pixels = images.permute(0, 3, 1, 2).float() / 255
        return self.last(self.features(pixels).flatten(1))


class ConvDecoder(nn.Module):
    """Maps codes back to images."""

    def __init__(self, side: int, channels: int, *, code: int, width: int) -> None:
        super().__init__()
        self.shape = (2 * width, side // 4, side // 4)
        self.first = nn.Sequential(
            nn.ReLU(), nn.Linear(code, 2 * width * (side // 4) ** 2), nn.ReLU()
        )
        self.picture = nn.Sequential(
            nn.ConvTranspose2d(2 * width, width, 4, 2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, 2, padding=1),
        )

    def forward(self, code: Tensor) -> Tensor:
        """code: float32 (B, code). Returns logits of the pixels, float32 as the encoder's input."""
        logits = self.picture(self.first(code).reshape(-1, *self.shape))
        return logits.permute(0, 2, 3, 1)


class Autoencoder(nn.Module):
    """Image → code → reconstruction; it is trained without labels.

    Vincent et al., "Stacked Denoising Autoencoders", JMLR 2010: the input is corrupted, and the
    target is the original image. side: height and width in pixels, a multiple of 4. width: channels
    of the first convolution.
    """

    def __init__(self, side: int, channels: int, *, code: int = 128, width: int = 32) -> None:
        super().__init__()
        self.encoder = ConvEncoder(side, channels, code=code, width=width)
        self.decoder = ConvDecoder(side, channels, code=code, width=width)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the pixels, float32, of uint8 (B, side, side, channels)."""
        return self.decoder(self.encoder(images))


class CodeClassifier(nn.Module):
    """An encoder, batch normalisation of its code, and one linear layer."""

    def __init__(self, encoder: ConvEncoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.BatchNorm1d(encoder.code), nn.Linear(encoder.code, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float32 (B, classes), of uint8 (B, side, side, channels)."""
        return self.head(self.encoder(images))
