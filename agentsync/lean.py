"""Frozen value classes for the way of a commit.

Importing the standard library's `dataclasses` costs 25 ms, `typing` 15 ms: more than all the rest of a hook. Type
checkers see the real `dataclasses.dataclass`; at run time the class becomes a named tuple, which is frozen, compares
and hashes by value, and serialises as a JSON array.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar, dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True)
    def frozen(cls: type[T]) -> type[T]:
        """Say what a type checker has to know: the fields of the class are its annotations."""
        return cls

else:

    def frozen(cls):
        """Make a named tuple of a class annotated with texts; values set in its body are the fields' defaults."""
        body = vars(cls)
        annotations = body.get("__annotations__", {})
        fields = tuple(name for name, text in annotations.items() if not text.startswith("ClassVar"))
        with_default = tuple(name for name in fields if name in body)
        if with_default != fields[len(fields) - len(with_default) :]:
            raise TypeError(f"{cls.__name__}: a field without a default follows one with a default")
        base = namedtuple(cls.__name__, fields, defaults=[body[name] for name in with_default])
        kept = {k: v for k, v in body.items() if k not in (*fields, "__dict__", "__weakref__")}
        return type(cls.__name__, (base,), {**kept, "__slots__": ()})


def replace(value: T, **changes: object) -> T:
    """A copy of a frozen value with some fields changed."""
    return value._replace(**changes)  # type: ignore[attr-defined,no-any-return]
