"""The home page: what to do next, and a card per page. It knows no other page and no torch."""
