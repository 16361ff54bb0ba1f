"""Draw README's picture from the zoo: python notebooks/overview.py"""

import io
from pathlib import Path

import torch
from PIL import Image

from course_lib import plots, zoo


def main() -> None:
    """A plane of codes, one style in ten classes, faces: seed 0 of three models."""
    steps = torch.distributions.Normal(0, 1).icdf(torch.linspace(0.03, 0.97, 10))
    plane = torch.cartesian_prod(-steps, steps).flip(1)
    noise = torch.Generator().manual_seed(0)
    told = zoo.load("cvaegan-mnist")
    painters = {
        "DCGAN, from drawn faces": "dcgan-faces",
        "DCGAN, from photographs": "dcgan-celeba",
    }
    styles = told.noise(10, told.settings["latent"], generator=noise)
    sheets = [
        plots.images(
            zoo.load("vae-2d-mnist").mean_image(plane),
            columns=10,
            zoom=1,
            title="VAE, 2 latents: its plane",
        ),
        plots.images(
            told.decode(styles.repeat_interleave(10, 0), torch.arange(100) % 10),
            columns=10,
            zoom=1,
            title="CVAE-GAN: style × class",
        ),
        *(
            plots.images(
                zoo.load(name).sample(25, generator=noise), columns=5, zoom=1, title=title
            )
            for title, name in painters.items()
        ),
    ]
    images = [Image.open(io.BytesIO(plots.png(sheet))) for sheet in sheets]
    height = images[0].height
    images = [i.resize((round(i.width * height / i.height), height)) for i in images]
    picture = Image.new("RGB", (sum(i.width for i in images), height), "white")
    for n, image in enumerate(images):
        picture.paste(image, (sum(i.width for i in images[:n]), 0))
    picture.quantize(256).save(Path(__file__).with_name("overview.png"), optimize=True)


if __name__ == "__main__":
    main()
