"""What every framework adapter is built from: recall and keep around a model call, tools, prompt text."""
