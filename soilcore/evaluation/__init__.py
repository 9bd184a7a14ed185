"""How good is it: metrics, splits, correlation, and the protocol that scores learners under the same folds."""
