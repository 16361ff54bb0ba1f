"""The classroom: assignments with private numbers, graded in a sandbox, for a teacher's commands.

`python -m course_lib.classroom --help` lists them. A submission's cells run in a bubblewrap
sandbox (`sandbox`, `runner`); the trusted side (`grade`) asks for values, and for a function's
answers to inputs drawn after the submission started, and judges them with the comparison of the
checks. Right answers never enter the sandbox. notebooks/teaching/ says how a class is run, and
what the sandbox holds. No lesson derives this.
"""
