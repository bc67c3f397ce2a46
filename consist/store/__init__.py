"""Blobs and index under one root: the write order, look-up, healing, single flight, events, verify, rebuild."""
