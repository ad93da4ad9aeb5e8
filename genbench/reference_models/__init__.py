"""Small models of our own, trained on toy faces, which travel in the package."""
