"""The app's pages: one short script per step of the chain."""
