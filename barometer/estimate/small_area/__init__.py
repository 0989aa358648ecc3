"""Area-level models that lend a small area strength from its neighbours, its past and its covariates."""
