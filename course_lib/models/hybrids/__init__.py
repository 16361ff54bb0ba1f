"""Between VAE and GAN: models that are told what to draw, and models that do both (lessons 08, 09).

One idea a module, all on the same two networks; `conditions` holds what a model can be told.
"""

from course_lib.models.hybrids.aae import AAE
from course_lib.models.hybrids.avb import AVB
from course_lib.models.hybrids.cgan import CGAN
from course_lib.models.hybrids.cvae import CVAE
from course_lib.models.hybrids.cvaegan import CVAEGAN
from course_lib.models.hybrids.vaegan import VAEGAN

__all__ = ["AAE", "AVB", "CGAN", "CVAE", "CVAEGAN", "VAEGAN"]
