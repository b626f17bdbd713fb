"""The one place where an error becomes text on stderr and an exit code."""

import os
import sys
from collections.abc import Callable

from agentsync.base.errors import ERROR, OK, AgentsyncError
from agentsync.cli.terminal import clean

INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


def guarded(run: Callable[[list[str]], int], argv: list[str]) -> int:
    """The exit code of `run(argv)`, whatever it raises. stdout is flushed."""
    try:
        code = _told(run, argv)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read has enough
        _drop_stdout()
        return OK
    except OSError as error:
        return _of_the_system(error)


def _told(run: Callable[[list[str]], int], argv: list[str]) -> int:
    try:
        return run(argv)
    except AgentsyncError as error:
        sys.stdout.flush()  # what was shown before comes before
        tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError:
        raise
    except Exception as error:
        return _other(error, argv)


def _of_the_system(error: OSError) -> int:
    """A full disk or a folder that cannot be read is nobody's bug."""
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
    where = f"{error.filename!s}: " if error.filename else ""
    tell(AgentsyncError(f"{where}{error.strerror or error}"))
    return ERROR


def _drop_stdout() -> None:
    """Python flushes once more at its end, and that would complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(error: AgentsyncError) -> None:
    """Message, cause and hint of an expected failure."""
    lines = [f"error: {_lines(error.message)}"]
    if error.cause:
        lines.append(f"cause: {_lines(error.cause)}")
    if error.hint:
        lines.append(f"hint: {_lines(error.hint)}")
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _lines(text: str) -> str:
    """Several lines (git's own words) stay several, indented below the first."""
    return "\n       ".join(clean(line) for line in text.split("\n"))


def _other(error: Exception, argv: list[str]) -> int:
    click = sys.modules.get("click")
    if click and isinstance(error, click.ClickException):
        if type(error).__name__ == "NoArgsIsHelpError":  # it is the help
            error.show()
            return int(error.exit_code)
        tell(AgentsyncError(_sentence(error.format_message()), hint=_usage(error)))
        return int(error.exit_code)
    if click and isinstance(error, click.Abort):
        return INTERRUPTED
    _report(error, argv)
    return ERROR


def _sentence(text: str) -> str:
    """click's sentence as one of ours."""
    return text[:1].lower() + text[1:].removesuffix(".")


def _usage(error: Exception) -> str:
    """What to type next: the help of the command that was meant."""
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'agentsync'} --help"


def _report(error: Exception, argv: list[str]) -> None:
    """All that is needed to find a bug, ready to paste; the arguments may name files, nothing else is told."""
    import platform
    import traceback

    from agentsync import __version__

    trace = "".join(traceback.format_exception(error)).rstrip()
    lines = [
        "error: this is a bug in agentsync; please report what follows",
        "",
        f"agentsync {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"arguments: {argv!r}",
        *trace.split("\n"),
    ]
    sys.stderr.write("".join(f"{clean(line)}\n" for line in lines))
