"""Credentials: checking them, showing them, and finding which of them answer a question.

Pure functions over bytes and values: no wallet, store, network or clock.
What a wallet does with its credentials is in `billfold.holdings`.

Spec: 42-credentials.md
"""
