"""What several metrics share; a part imports no metric."""
