"""How the header of a table's files is read. Written from documentation; not Microsoft's code."""

from __future__ import annotations

import enum

from azureml._amlrun.notes import lazily


class PromoteHeadersBehavior(enum.Enum):
    """v1's choices; here a file has a header, or with NO_HEADERS none."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = 1
    COMBINE_ALL_FILES_HEADERS = 2
    ALL_FILES_HAVE_SAME_HEADERS = 3


__getattr__ = lazily(__name__)
