"""Blobs on the server: sealed chunks that it keeps, hands out and collects, and cannot open.

Spec: 23-blobs.md
"""
