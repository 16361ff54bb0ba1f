"""Files of tensors, with facts as JSON beside them in the same file (safetensors).

A file is replaced in one step, so that a process killed at any moment leaves the old one or the
new one. It comes from anywhere: nothing is unpickled, what it says of itself is read first and
within bounds, and a checksum over all of it tells a single flipped bit. Who loads a file says
what the tensors shall become; they are compared with that before memory is taken for them.
"""

from course_lib.checkpoint.kinds import (
    Header,
    Kind,
    copy_into,
    fact,
    kind_of,
    require_like,
    section,
)
from course_lib.checkpoint.places import FORMAT, WITHOUT_CHECKSUM, resolved
from course_lib.checkpoint.reading import header, load
from course_lib.checkpoint.writing import as_json, remove_parts, save, try_to_write
