"""What is measured of a model, with what, and against which floor. Lesson 03 derives the scores.

`report(model, dataset)` is every score that a model can have, as a table. The judge of digits is
shipped and fixed; this part may train judges, never generators.
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
from course_lib.evaluation.classifier import (
    DigitClassifier,
    digit_classifier,
    digit_classifier_card,
)
from course_lib.evaluation.likelihood import KCurve, iwae, on_scale
from course_lib.evaluation.neighbours import Memorisation, memorisation
from course_lib.evaluation.reporting import report
from course_lib.evaluation.table import Report, Row

__all__ = [
    *("DigitClassifier", "KCurve", "Memorisation", "Report", "Row", "chi_squared"),
    *("class_histogram", "class_kl", "class_probabilities", "digit_classifier"),
    *("digit_classifier_card", "error_and_floor", "iwae", "memorisation", "modes_covered"),
    *("on_scale", "report", "total_variation"),
]
