"""Labels, answers, reports, observations and counts -> estimates per neighbourhood and period, each with its error.

One module a signal turns that signal's rows into cells; `run` asks each for its cells, completes the grid of indicator,
place and period, and writes it. Model-based values (small-area models, corrected prevalence, adjusted ratings,
composites) are further modules of the same shape: they take cells and return cells with another `method`.
"""
