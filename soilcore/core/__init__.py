"""What everything else stands on: errors, progress, grids, files, tables of data. Imports nothing of soilcore."""
