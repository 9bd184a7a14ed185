"""From reflectance and covariates to predictors: indices, formulas, the recipe that makes every column."""
