"""Facts first, pages after: summaries, figures, reports."""
