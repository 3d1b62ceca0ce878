"""What importers and exporters share: the words of other programs' formats, and sealed JSON.

Spec: 43-portability.md
"""
