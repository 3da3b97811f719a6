"""jaxnn beside its peers: the same work, in turn, in one run."""
