"""What decides a run: settings, limits, recipes, the article's figures, paths, cost.

Imports no torch, and only `common` of this project."""
