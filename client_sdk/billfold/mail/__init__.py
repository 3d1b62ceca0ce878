"""What comes to a wallet's mailboxes, and what goes back.

Spec: 26-channels.md
"""
