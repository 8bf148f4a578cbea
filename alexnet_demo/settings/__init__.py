"""What defines a run: settings and their schedule, recipes, the article's figures, paths, cost.

Imports no torch, and only `common` of this project."""
