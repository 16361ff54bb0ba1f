"""A thin library for a course on deep generative models: every model is a game.

The parts, lowest first: `data` and `models` (which know nothing of each other), `training` and
`evaluation` (which use both), `zoo`, `plots`, `explore` and `checks` on top. Lesson 00 shows
them all at work.
"""

__version__ = "0.1.0"
