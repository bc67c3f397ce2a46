"""What the tests of progress have in common."""

from fsspec.callbacks import Callback


class Steps(Callback):
    """Notes each step that it is told."""

    def __init__(self):
        super().__init__()
        self.told = []

    def relative_update(self, inc=1):
        self.told.append(inc)
