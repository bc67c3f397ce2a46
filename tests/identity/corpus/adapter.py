"""The corpus's view of consist: a function's identity as text, and whether it carries a warning."""

from consist.identity.code import code_identity, fresh_code_identity


def ident(fn, _context):
    """Return the digest by a plain walk; fail if the memo's second answer is another, or nothing stable is to be had."""
    walked = _digest(fresh_code_identity(fn))
    code_identity(fn)
    remembered = _digest(code_identity(fn))
    if remembered != walked:
        raise ValueError(f"a walk says {walked}, the memo {remembered}")
    return walked


def _digest(found):
    if found.uncacheable:
        raise ValueError(found.uncacheable[0])
    return found.digest.hex
