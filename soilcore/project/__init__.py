"""What is on disk and what can be asked: folders, jobs, runs, the command line."""
