"""Credentials: checking them, showing them, and finding which of them answer a question.

Pure functions over bytes and values: no wallet, store, network or clock.

Spec: 42-credentials.md
"""
