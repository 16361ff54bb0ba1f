"""What is measured of a model, with what, and against which floor. Lesson 03 derives the scores.

`report(model, dataset)` is every score that a model can have, as a table; `ladder(dataset)` is the
scale for it: the same scores of real images, blurred, noised, with modes missing. The judges, of
digits and of rendered faces, are shipped and fixed; this part may train judges, never generators:
what `cost` trains is a copy, for as long as it takes the time.
"""

from course_lib.evaluation.classes import (
    chi_squared,
    class_histogram,
    class_kl,
    class_probabilities,
    error_and_floor,
    modes_covered,
    total_variation,
)
from course_lib.evaluation.comparison import (
    BestOfN,
    Interval,
    best_of_n,
    interquartile_mean,
    probability_of_improvement,
    runs_needed,
    stratified_bootstrap,
)
from course_lib.evaluation.conditional import (
    agreement,
    diversity,
    gan_train,
    relative_diversity,
)
from course_lib.evaluation.cost import Cost, cost
from course_lib.evaluation.deformation import deformation, landmark_offsets, with_eye_moved
from course_lib.evaluation.disentanglement import (
    DCI,
    Probe,
    dci,
    linear_probe,
    mutual_information_gap,
)
from course_lib.evaluation.distances import frechet_distance, gaussian_frechet, kid
from course_lib.evaluation.features import image_features
from course_lib.evaluation.groups import (
    GroupShares,
    Remedy,
    group_shares,
    resampled_groups,
)
from course_lib.evaluation.image_statistics import (
    asymmetry,
    distribution_distance,
    sharpness,
    spectrum_slope,
)
from course_lib.evaluation.judges.digits import (
    DigitClassifier,
    digit_classifier,
    digit_classifier_card,
)
from course_lib.evaluation.judges.faces import FaceFactors, face_factors, face_factors_card
from course_lib.evaluation.ladder import Ladder, ladder
from course_lib.evaluation.likelihood import KCurve, iwae, on_scale
from course_lib.evaluation.manifold import PRDC, prdc
from course_lib.evaluation.nearest_face import NearestFace, nearest_face
from course_lib.evaluation.neighbours import Memorisation, memorisation
from course_lib.evaluation.path_length import PathLength, path_length
from course_lib.evaluation.report import report
from course_lib.evaluation.side_by_side import Comparison, compare
from course_lib.evaluation.table import Report, Row

__all__ = [
    *("Comparison", "DCI", "Cost", "GroupShares", "Probe", "compare", "cost", "dci"),
    *("PathLength", "Remedy", "deformation", "path_length", "resampled_groups"),
    *("group_shares", "landmark_offsets", "linear_probe", "mutual_information_gap"),
    "with_eye_moved",
    *("BestOfN", "Interval", "best_of_n", "interquartile_mean", "probability_of_improvement"),
    *("runs_needed", "stratified_bootstrap"),
    *("DigitClassifier", "FaceFactors", "KCurve", "Ladder", "Memorisation", "NearestFace"),
    *("PRDC", "Report", "Row", "agreement", "asymmetry", "chi_squared", "class_histogram"),
    *("class_kl", "class_probabilities", "digit_classifier", "digit_classifier_card"),
    *("diversity", "gan_train", "relative_diversity"),
    *("distribution_distance", "error_and_floor", "face_factors", "face_factors_card"),
    *("frechet_distance", "gaussian_frechet", "image_features", "iwae", "kid", "ladder"),
    *("memorisation", "modes_covered", "nearest_face", "on_scale", "report", "sharpness"),
    *("prdc", "spectrum_slope", "total_variation"),
]
