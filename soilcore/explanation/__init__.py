"""Why this value: attributions for samples, pixels and whole maps."""
