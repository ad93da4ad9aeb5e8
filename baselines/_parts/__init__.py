"""What several models share; a part imports no model."""
