"""Frozen value classes for the way of a commit, and two more things whose standard modules cost too much there.

Importing `dataclasses` or `typing` takes as long as all the rest of a hook, `collections` and `contextlib` a tenth of
it each. A class becomes a named tuple, which is frozen, compares and hashes by value, and is an array in JSON.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar, dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True)
    def frozen(cls: type[T]) -> type[T]:
        """Say what a type checker has to know: the fields of the class are its annotations."""
        return cls

else:
    from _collections import _tuplegetter  # what `collections.namedtuple` reads its fields with

    def frozen(cls):
        """Make a named tuple of a class annotated with texts; values set in its body are the fields' defaults."""
        body = vars(cls)
        annotations = body.get("__annotations__", {})
        fields = tuple(name for name, text in annotations.items() if not text.startswith("ClassVar"))
        defaults = tuple(body[name] for name in fields if name in body)
        if any(name in body for name in fields[: len(fields) - len(defaults)]):
            raise TypeError(f"{cls.__name__}: a field without a default follows one with a default")
        count = len(fields)
        default = dict(zip(fields[count - len(defaults) :], defaults, strict=True))

        # Not made by `eval` as `collections.namedtuple` does: compiling that for each class would cost a hook 5 ms.
        def new(_cls, *values, **named):
            if named or len(values) != count:
                values = _filled(_cls, values, named, default)
            return tuple.__new__(_cls, values)

        kept = {name: value for name, value in body.items() if name not in (*fields, "__dict__", "__weakref__")}
        made = {name: _tuplegetter(at, name) for at, name in enumerate(fields)}
        parts = {**kept, **made, "__new__": new, "_fields": fields, "_replace": _replace, "_asdict": _asdict}
        return type(cls.__name__, (tuple,), {**parts, "__repr__": _repr, "__getnewargs__": _values, "__slots__": ()})

    def _filled(cls, values, named, default):
        given = dict(zip(cls._fields, values, strict=False))
        unknown = [name for name in named if name in given or name not in cls._fields]
        merged = {**default, **given, **named}
        missing = [name for name in cls._fields if name not in merged]
        if unknown or missing or len(values) > len(cls._fields):
            raise TypeError(f"{cls.__name__}: not to be given: {unknown}; missing: {missing}; values: {len(values)}")
        return [merged[name] for name in cls._fields]

    def _asdict(self):
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **changes):
        return type(self)(**{**self._asdict(), **changes})

    def _values(self):  # for `copy` and `pickle`
        return tuple(self)

    def _repr(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"


def replace(value: T, **changes: object) -> T:
    """A copy of a frozen value with some fields changed."""
    return value._replace(**changes)  # type: ignore[attr-defined,no-any-return]


class suppress:  # noqa: N801
    """`contextlib.suppress`."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self.errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        return kind is not None and issubclass(kind, self.errors)
