"""The corpus's view of consist: a function's identity as text. Beside it that of joblib, for docs/performance.md."""

import inspect

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


def joblib_ident(fn, _context):
    """Return what joblib's Memory knows a call by, but for its arguments, which the pairs do not change.

    The function's place, name and source; and what it digests as arguments: the object of a method, and defaults.
    """
    from joblib.func_inspect import get_func_code, get_func_name
    from joblib.hashing import hash as joblib_hash

    owner = fn.__self__ if inspect.ismethod(fn) else None
    defaults = getattr(fn, "__defaults__", None), getattr(fn, "__kwdefaults__", None)
    return repr((get_func_name(fn), get_func_code(fn)[0], joblib_hash((owner, defaults))))
