"""Stands in for `course_lib.checks` inside the grader's sandbox: the checks say nothing there.

Their right answers would be found in memory by a submission that looks for them.
"""

from typing import Any


def check(number: str, answer: Any = None, **context: Any) -> bool:
    print(f"· {number}: not checked here")
    return True


def predict(number: str, value: Any = None, *more: Any, **options: Any) -> Any:
    return None if value is ... else value


def guess(number: str) -> None:
    return None


def agrees(*_: Any, **__: Any) -> None:
    """Nothing is compared here."""


refuses = agrees
