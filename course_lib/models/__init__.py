"""The models of the course, one file per family: networks, objectives, game, samples.

A class of your own that inherits from `Model` is one of them: `fit`, `save`, `load` and the
explorers treat it as they do these.
"""

from course_lib.models.aae import AAE
from course_lib.models.avb import AVB
from course_lib.models.cgan import CGAN
from course_lib.models.cvae import CVAE
from course_lib.models.cvaegan import CVAEGAN
from course_lib.models.dcgan import DCGAN
from course_lib.models.files import MODELS, OWN, build, load
from course_lib.models.flow import Flow
from course_lib.models.gan import GAN
from course_lib.models.linear import ProbabilisticPCA
from course_lib.models.mixture import GaussianMixture
from course_lib.models.model import Model
from course_lib.models.realnvp import RealNVP
from course_lib.models.vae import VAE
from course_lib.models.vaegan import VAEGAN
