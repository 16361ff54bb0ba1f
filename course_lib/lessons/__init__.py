"""What lessons bring: their exercises, the faults that "break it" runs, and what they share.

Content, not library: nothing of the library knows a lesson. `checks` finds them by number.
"""
