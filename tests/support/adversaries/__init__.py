"""Those whom Billfold is made to withstand, as real parts: a server, a thief, a member, a network.

Spec: 02-threat-model.md
"""
