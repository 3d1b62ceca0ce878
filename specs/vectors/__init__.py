"""The test vectors and what makes them.

Spec: 00-overview.md
"""
