"""Every error smsearch raises on purpose.

    SmsearchError
    ├── InputError            something the user named or wrote cannot be used
    │   ├── SourceError       a file, folder or export cannot be read
    │   ├── QueryError        a query or a filter makes no sense
    │   └── NotFoundError     no such document, passage or index
    ├── EncoderError          a model cannot be loaded or does not fit the index
    ├── MissingExtraError     an optional library is not installed
    ├── WorkerError           a process that prepares passages ended before its work was done
    └── IndexStateError       the index on disk cannot be used as it is
        ├── IndexDamagedError its contents contradict themselves
        ├── IndexLockedError  another process is writing to it
        └── ShrinkError       an update would remove most of the documents

A message is one sentence that says what was wrong, the value got, and what to do.
The command line prints it and exits with code 2.
"""


class SmsearchError(Exception):
    """Any error smsearch raises on purpose; catch this to catch them all."""


class InputError(SmsearchError, ValueError):
    """Something the user named or wrote cannot be used."""


class SourceError(InputError):
    """A file, folder or export cannot be read."""


class QueryError(InputError):
    """A query or a filter makes no sense."""


class NotFoundError(InputError):
    """There is no such document, passage or index."""


class EncoderError(SmsearchError):
    """A model cannot be loaded, or does not fit the index."""


class MissingExtraError(SmsearchError, ImportError):
    """An optional library is not installed; the message names the extra to install."""


class WorkerError(SmsearchError):
    """A process that prepares passages ended before its work was done."""


class IndexStateError(SmsearchError):
    """The index on disk cannot be used as it is."""


class IndexDamagedError(IndexStateError):
    """The contents of the index contradict themselves."""


class IndexLockedError(IndexStateError):
    """Another process is writing to the index."""


class ShrinkError(IndexStateError):
    """An update would remove most of the documents."""
