"""From notebooks to the book: parameters, checks, execution, pages, publication."""
