"""The home page: what to do next, and a card for each page.

It imports no other page and no torch, so that the app opens at once.
"""
