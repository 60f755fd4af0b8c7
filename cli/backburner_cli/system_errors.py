"""What to do about an error of the operating system."""

import errno
import tempfile

_REMEDIES = {
    errno.EFBIG: "it is larger than a file may be here; raise the limit (ulimit -f)",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "its file system is read-only; name another place",
    errno.ENOTDIR: "there is a file where a folder is wanted; move the file, or name another place",
    errno.EEXIST: "there is a file where a folder is wanted; move the file, or name another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOENT: "check its name",
    errno.ENAMETOOLONG: "its name is too long; shorten it",
    errno.ELOOP: "its links form a loop; correct them",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n 1024)",
    errno.ENFILE: "too many files are open; raise the limit (ulimit -n 1024)",
    errno.EADDRINUSE: "no port is free on 127.0.0.1; stop whatever uses them",
    errno.EADDRNOTAVAIL: "no port is free on 127.0.0.1; stop whatever uses them",
    errno.EIO: "the disk or the connection to it fails; check it",
}


def remedy_of(error: OSError) -> str:
    """The remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        others = "" if error.filename else f", and in {tempfile.gettempdir()} (TMPDIR)"
        return f"make room where files and output go{others}"
    return _REMEDIES.get(error.errno or 0, "check the file, its folder and their permissions")
