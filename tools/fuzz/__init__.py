"""Attack the loading of artifacts and the decoding of records with inputs made from honest ones."""
