"""One machine's view of records and edges, in LMDB; disposable. The only layer that imports ``lmdb``."""
