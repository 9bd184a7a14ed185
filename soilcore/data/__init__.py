"""What comes in: samples, imagery, covariates, and the synthetic landscape with known truth."""
