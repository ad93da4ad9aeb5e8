"""From records to the tables that papers print: what may share a column, and which is best."""
