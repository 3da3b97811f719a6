"""The training script: any model on any data set, one run or a whole sweep, from one command."""
