"""The slides as experiments: each module asks a question, runs, draws and gives its verdicts."""
