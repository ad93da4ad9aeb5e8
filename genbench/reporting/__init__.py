"""Reports and cards: pages made of tables, figures and what runs say of themselves."""
