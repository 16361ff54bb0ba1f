"""Files of tensors, with facts as JSON beside them in the same file (safetensors).

It comes from anywhere: nothing is unpickled, what it says of itself is read first and within
bounds, and a checksum over all of it tells a single flipped bit. Who loads a file says what the
tensors shall become; they are compared with that before memory is taken for them.
"""

from course_lib.checkpoint.files import FORMAT, WITHOUT_CHECKSUM, as_json, header, load, save
from course_lib.checkpoint.kinds import (
    Header,
    Kind,
    copy_into,
    fact,
    kind_of,
    require_like,
    section,
)
