"""Log metrics from a training script: `from ml_runner import log_metric`.

A script run by `ml` finds this module on its path and has ML_METRICS_FILE in its
environment: each logged value becomes one JSON line, {"name","value","step"?,"t"}, at the
end of that file. Run by hand there is no ML_METRICS_FILE, and every call does nothing.

This is not a tracker: it keeps no history, opens no connection, starts no thread.
It holds to three things: a call that has returned is in the file, even if the process is
then killed (one write() to a descriptor opened for appending, no buffer of ours); lines of
several processes never mix; and nothing in here raises into the script that called it.
Standard library only, Python 3.8 and later. No json import: it costs more than all of this.
"""

import os
import sys
from errno import EBADF
from os import write
from time import time

try:
    from fcntl import F_DUPFD_CLOEXEC, fcntl
except ImportError:  # not a Unix, or a Python built without it
    fcntl = None

__all__ = ["log_metric", "log_metrics"]

_NAME_LIMIT = 1000  # characters; a longer name is cut, and that is said
_NAMES_KEPT = 4096  # escaped names kept; names made in a loop must not grow us for ever
_INFINITY = float("inf")
# Scripts close descriptors that they do not know, and new files get the lowest free number: on a low one our lines
# could end up in a checkpoint. Up here nobody follows. (Asking fstat() whose it is, every call, costs 1 to 3 us.)
_HIGH = (900, 200)

_fd = -1  # our descriptor of ML_METRICS_FILE, -1 before the first call
_torn = False  # what is in the file stops half way in a line, so our next one begins with a line break
_heads = {}  # name -> '{"name":"loss","value":'
_warned = False


def log_metric(name, value, step=None):
    """Record one value. `value` is a number or a one-element array; `step` any number, or left out."""
    try:
        if _fd < 0 and not _open():
            return
        _append(_line(name, value, step, "%.3f" % time()))
    except Exception as problem:
        _warn("metric %.80r was not recorded: %s", name, problem)


def log_metrics(values, step=None):
    """Record several values of one moment: a dict of name to value. A bad one costs only itself."""
    try:
        if _fd < 0 and not _open():
            return
        now = "%.3f" % time()
        lines = []
        for name, value in dict(values).items():
            try:
                lines.append(_line(name, value, step, now))
            except Exception as problem:
                _warn("metric %.80r was not recorded: %s", name, problem)
        if lines:
            _append("".join(lines))
    except Exception as problem:
        _warn("%s were not recorded: %s", "metrics", problem)


def _line(name, value, step, now):
    try:
        head = _heads[name]
    except (KeyError, TypeError):
        head = _head(name)
    number = _finite(value) if type(value) is float else _number(value)
    if step is None:
        return '%s%s,"t":%s}\n' % (head, number, now)
    if type(step) is not int:
        step = _step(name, step)
        if step is None:
            return '%s%s,"t":%s}\n' % (head, number, now)
    return '%s%s,"step":%s,"t":%s}\n' % (head, number, step, now)


def _head(name):
    text = name if isinstance(name, str) else str(name)
    if not text:
        raise ValueError("a metric needs a name")
    if len(text) > _NAME_LIMIT:
        _warn("the name %.40r... is too long: %s", text, "it is cut to %d characters" % _NAME_LIMIT)
        text = text[:_NAME_LIMIT]
    head = '{"name":"%s","value":' % "".join(map(_escape, text))
    if type(name) is str:
        if len(_heads) >= _NAMES_KEPT:
            _heads.clear()
        _heads[name] = head
    return head


def _escape(char):
    """JSON's escapes, and those characters that some readers take for the end of a line."""
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if code < 0x20 or 0x7F <= code <= 0x9F or 0x2028 <= code <= 0x2029 or 0xD800 <= code <= 0xDFFF:
        return "\\u%04x" % code
    return char


def _finite(value):
    """A float as JSON; what JSON has no number for, as a string."""
    if -_INFINITY < value < _INFINITY:
        return repr(value)
    return '"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"'


def _number(value):
    if type(value) is not int and type(value) is not bool:
        item = getattr(value, "item", None)  # NumPy, PyTorch, JAX, pandas: to a plain number
        if item is not None:
            value = item()
            if type(value) is float:
                return _finite(value)
    if isinstance(value, int):
        value = int(value)
        # Past 64 bits a reader would see a float anyway, and 10 ** 5000 has no text at all.
        return "%d" % value if -(2**63) <= value < 2**64 else _finite(_to_float(value))
    if not hasattr(value, "__float__"):
        raise TypeError("a %s is not a number" % type(value).__name__)
    return _finite(float(value))


def _to_float(whole):
    try:
        return float(whole)
    except OverflowError:
        return _INFINITY if whole > 0 else -_INFINITY


def _step(name, step):
    """A step as an int, or as JSON text where it has a fraction; None, and a warning, where it is no number."""
    try:
        text = _number(step)
        if text[0] != '"':
            number = float(text)
            return int(number) if number == int(number) and abs(number) < 2**53 else text
        problem = "it is %s" % text
    except Exception as error:
        problem = error
    _warn("the step of metric %.80r was left out: %s", name, problem)
    return None


def _append(text):
    global _torn
    data = text.encode()
    if _torn:
        data = b"\n" + data
    try:
        written = write(_fd, data)
    except OSError as problem:
        if problem.errno != EBADF or not _open():  # EBADF: the script closed it
            raise
        written = write(_fd, data)
    if written == len(data):
        _torn = False
        return
    _torn = True
    raise OSError("the disk took only %d of %d bytes" % (written, len(data)))


def _open():
    global _fd, _torn
    path = os.environ.get("ML_METRICS_FILE")
    if not path:
        return False
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for lowest in _HIGH if fcntl else ():
        try:
            high = fcntl(fd, F_DUPFD_CLOEXEC, lowest)
        except OSError:  # past the limit of open files
            continue
        os.close(fd)
        fd = high
        break
    _fd = fd
    _torn = _ends_torn(path)
    return True


def _ends_torn(path):
    """Whether somebody was killed half way through a line: the kernel writes a page at a time."""
    try:
        with open(path, "rb") as lines:
            lines.seek(-1, os.SEEK_END)
            return lines.read(1) != b"\n"
    except OSError:  # empty, or no file to read from
        return False


def _warn(sentence, name, problem):
    """One line on stderr, the first time only; even repr() of what we were given may raise."""
    global _warned
    if _warned:
        return
    _warned = True
    try:
        why = str(problem) or type(problem).__name__
        sys.stderr.write("ml_runner: %s (said once; later ones go without a word)\n" % (sentence % (name, why)))
        sys.stderr.flush()
    except Exception:
        pass
