"""Finding passages: encoder, dense index, lexical index and their fusion."""
