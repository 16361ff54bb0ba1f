"""A thin library for a course on deep generative models: every model is a game.

Read `game` first (players, moves, rounds: the one idea), then `training.fit`, which plays any
game, then `models.vae`, one family whole. Those three are all that a new model needs to know.

The parts, from the ground up; a part knows only parts above it in this list, and `models` and
`data` know nothing of each other:

    intervals, errors, disk, pixels, plots, checkpoint    what everybody uses
    game                                 Player, Move, Game
    data      images or points, their labels, and a card, by name
    models    one file a family; what families share lies in models/parts and models/flows
    training  fit: rounds, batches and noise, histories, kept runs, several processes
    evaluation  scores, the judges that they need, the report, the ladder
    zoo       trained models that come with the course
    tuning    search spaces, trials and studies, over optuna
    explore   explorers, over the panels of explore/kit
    checks    how answers and equations are tried
    lessons   what single lessons bring: exercises, faults; content, no library
    grammar   what may be said on the command line, `python -m course_lib`
    classroom  assignments graded in a sandbox, `python -m course_lib.classroom`
"""

from course_lib import first_edition

__version__ = "0.2.0"

first_edition.install()
