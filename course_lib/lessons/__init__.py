"""What single lessons bring: their exercises, and the faults that "break it" runs.

Content, not library: nothing of the library knows a lesson. `checks` finds them by number.
"""
