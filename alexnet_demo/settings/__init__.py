"""Everything that decides a run: settings and their limits, recipes, the article's figures, paths, cost.

Imports no torch, and only `common` of this project."""
