"""Draw README's picture from the zoo: python notebooks/overview.py"""

import io
from pathlib import Path

import torch
from PIL import Image

from course_lib import plots, zoo

GAN, MANY, PLANE = "gan-mnist", "vae-50d-mnist", "vae-2d-mnist"


def main() -> None:
    """The first 100 samples of seed 0 of two models, and the plane of a third."""
    samples = {
        "GAN: samples": zoo.load(GAN).sample(100, generator=torch.Generator().manual_seed(0)),
        "VAE, 50 latents: samples": zoo.load(MANY).sample(
            100, generator=torch.Generator().manual_seed(0)
        ),
    }
    steps = torch.distributions.Normal(0, 1).icdf(torch.linspace(0.03, 0.97, 10))
    grid = torch.cartesian_prod(-steps, steps).flip(1)
    samples["VAE, 2 latents: its plane"] = zoo.load(PLANE).mean_image(grid)
    sheets = [
        Image.open(io.BytesIO(plots.png(plots.images(x, columns=10, zoom=1, title=title))))
        for title, x in samples.items()
    ]
    picture = Image.new("RGB", (sum(s.width for s in sheets), sheets[0].height), "white")
    for i, sheet in enumerate(sheets):
        picture.paste(sheet, (i * sheet.width, 0))
    picture.quantize(64).save(Path(__file__).with_name("overview.png"), optimize=True)


if __name__ == "__main__":
    main()
