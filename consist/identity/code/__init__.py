"""Code identity: one walk over a live function and all that it reaches, as a digest that can be explained."""

from consist.identity.code.identify import CodeIdentity, code_identity, forget_identities, fresh_code_identity

__all__ = ["CodeIdentity", "code_identity", "forget_identities", "fresh_code_identity"]
