"""Who may use a store in a folder: the words for it, as ``consist.json`` has them, and the modes that they mean."""

from __future__ import annotations

PRIVATE, GROUP_READ, GROUP = SHARINGS = ("private", "group-read", "group")
"""Its owner alone, or the folder's group as well, to read or for all."""

FOLDER_MODES = {PRIVATE: 0o700, GROUP_READ: 0o2750, GROUP: 0o2770}
LOCK_MODES = {PRIVATE: 0o600, GROUP_READ: 0o600, GROUP: 0o660}
