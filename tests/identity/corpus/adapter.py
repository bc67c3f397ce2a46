"""The corpus's view of consist: a function's identity as text, and whether it carries a warning."""

from consist.identity.code import code_identity, fresh_code_identity


def ident(fn, _context):
    """Return the digest by a plain walk; fail if the object cannot be hashed stably."""
    return _digest(fresh_code_identity(fn))


def remembered(fn, _context):
    """Return the digest as the memo gives it the second time."""
    code_identity(fn)
    return _digest(code_identity(fn))


def _digest(found):
    if found.uncacheable:
        raise ValueError(found.uncacheable[0])
    return found.digest.hex
