"""Questions about the course's own database, written by hand as templates: what people ask a bookshop."""
