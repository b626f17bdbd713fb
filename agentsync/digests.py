"""Hash functions without OpenSSL: linking it in costs a hook more than all that it hashes.

They are CPython's own modules behind `hashlib`; where an interpreter was built without them, `hashlib` serves.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import md5, sha1, sha256
else:
    try:
        from _md5 import md5
        from _sha1 import sha1

        try:
            from _sha2 import sha256  # since Python 3.12
        except ImportError:
            from _sha256 import sha256
    except ImportError:
        from hashlib import md5, sha1, sha256

__all__ = ["md5", "sha1", "sha256"]
