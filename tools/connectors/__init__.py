"""One file per outside system; the catalogue finds them by itself."""
