"""Questions with gold SQL over invented databases, from a seed: data that the repository can carry itself."""
