"""Which errors say that the machine has run out of something: the only rule about that.

Libraries report it in many ways: by `MemoryError`, by an error number, or by a sentence in an error
of their own; decoders raise it while they read a file that is good. So wherever an error is about
to be blamed on a request, on a bundle or on nobody, this rule is asked first. It looks at the error
and at all errors that led to it.
"""

import errno
import re

from app.errors import ResourceExhausted, ThalamusError

_NUMBERS = {
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.EIO,
}
# ONNX Runtime, NumPy, Pillow, libjpeg(-turbo), libsndfile, soxr, Python's threads and Rust.
_SENTENCES = re.compile(
    r"bad[_ ]alloc"
    r"|(?:fail|unable|not able|could ?n[o']t|cannot).{0,30}\balloc|\balloc\w*.{0,30}fail"
    r"|malloc.{0,12}fail|out of memory|(?:insufficient|not enough|no) memory|ENOMEM"
    r"|can't start new thread|too many open files|no space left on device",
    re.IGNORECASE,
)


def resource_exhausted(error: BaseException | None) -> ResourceExhausted | None:
    """Return the error to answer with if a lack of resources caused this one, else None."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ResourceExhausted):
            return error
        if _is_lack(error):
            lack = ResourceExhausted("the service is short of memory or files; try again later")
            lack.__cause__ = error
            return lack
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _is_lack(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return True
    return not isinstance(error, ThalamusError) and bool(_SENTENCES.search(str(error)))
